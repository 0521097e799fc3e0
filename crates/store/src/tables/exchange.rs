//! Exchanges: an intent before the provider is called, an outcome before the last byte of the answer is released.

use cultivar_record::{
    Exchange, ExchangeId, ExchangeOutcome, Intent, LeafIndex, MicroUsd, Salt, TokenCount, Usage, canonical_json,
};

use crate::{IntentFrame, OutcomeFrame, Row, Statements, StoreError};

/// Adds an exchange: its intent, and its outcome where it has ended already.
pub fn insert(
    tx: &mut dyn Statements,
    frame: &IntentFrame,
    leaf: LeafIndex,
    end: Option<(&OutcomeFrame, LeafIndex)>,
) -> Result<(), StoreError> {
    let intent = &frame.intent;
    let (usage, cost) = end.map_or_else(Default::default, |(outcome, _)| outcome.outcome.bill());
    let values = [
        intent.id.to_string().into(),
        intent.organization.to_string().into(),
        intent.purpose.as_str().into(),
        intent.provider.as_str().into(),
        intent.conversation.map(|id| id.to_string()).into(),
        frame.prompt_key.as_deref().into(),
        frame.text.as_str().into(),
        frame.salt.to_string().into(),
        leaf.0.into(),
        end.map_or("open", |(outcome, _)| outcome.outcome.name()).into(),
        end.map(|(outcome, _)| outcome.text.as_str()).into(),
        end.map(|(outcome, _)| outcome.salt.to_string()).into(),
        end.map(|(_, leaf)| leaf.0).into(),
        intent.at.to_string().into(),
        end.map(|(outcome, _)| outcome.at.to_string()).into(),
        usage.prompt.get().into(),
        usage.completion.get().into(),
        cost.get().into(),
    ];
    let sql = "INSERT INTO exchange (id, organization, purpose, provider, conversation, prompt_key, intent, intent_salt, \
               intent_leaf, state, outcome, outcome_salt, outcome_leaf, started_at, ended_at, prompt_tokens, \
               completion_tokens, cost_micro_usd) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    tx.execute(sql, &values)?;
    Ok(())
}

/// Adds the outcome of an exchange that has none.
pub fn end(tx: &mut dyn Statements, frame: &OutcomeFrame, leaf: LeafIndex) -> Result<(), StoreError> {
    let (usage, cost) = frame.outcome.bill();
    let values = [
        frame.outcome.name().into(),
        frame.text.as_str().into(),
        frame.salt.to_string().into(),
        leaf.0.into(),
        frame.at.to_string().into(),
        usage.prompt.get().into(),
        usage.completion.get().into(),
        cost.get().into(),
        frame.exchange.to_string().into(),
    ];
    let sql = "UPDATE exchange SET state = $1, outcome = $2, outcome_salt = $3, outcome_leaf = $4, ended_at = $5, \
               prompt_tokens = $6, completion_tokens = $7, cost_micro_usd = $8 WHERE id = $9 AND state = 'open'";
    let changed = tx.execute(sql, &values)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "open exchange",
            name: frame.exchange.to_string(),
        })
    }
}

/// Replaces what an exchange says by what may stay, and destroys its salts and what names it beside its id.
pub fn erase(tx: &mut dyn Statements, intent: &Intent, outcome: &ExchangeOutcome) -> Result<(), StoreError> {
    let values = [
        canonical_json(intent)?.into(),
        outcome.name().into(),
        canonical_json(outcome)?.into(),
        intent.id.to_string().into(),
    ];
    let sql = "UPDATE exchange SET conversation = NULL, prompt_key = NULL, intent = $1, intent_salt = NULL, state = $2, \
               outcome = $3, outcome_salt = NULL WHERE id = $4 AND state <> 'open'";
    tx.execute(sql, &values)?;
    Ok(())
}

const COLUMNS: &str = "SELECT intent, intent_leaf, outcome, outcome_leaf, ended_at FROM exchange";

fn exchange(row: &Row) -> Result<Exchange, StoreError> {
    let outcome = match row.text_or_null(2)? {
        Some(_) => Some(row.record(2)?),
        None => None,
    };
    Ok(Exchange {
        intent: row.record(0)?,
        intent_leaf: LeafIndex(row.count(1)?),
        outcome_leaf: if outcome.is_some() {
            Some(LeafIndex(row.count(3)?))
        } else {
            None
        },
        ended_at: if outcome.is_some() { Some(row.parsed(4)?) } else { None },
        outcome,
    })
}

/// The exchange with this id.
pub fn get(tx: &mut dyn Statements, id: ExchangeId) -> Result<Exchange, StoreError> {
    let rows = tx.query(&format!("{COLUMNS} WHERE id = $1"), &[id.to_string().into()])?;
    rows.first()
        .map(exchange)
        .transpose()?
        .ok_or_else(|| StoreError::NotFound {
            what: "exchange",
            name: id.to_string(),
        })
}

/// The salts of an exchange's intent and outcome; nothing where they were erased.
pub fn salts(tx: &mut dyn Statements, id: ExchangeId) -> Result<(Option<Salt>, Option<Salt>), StoreError> {
    let rows = tx.query(
        "SELECT intent_salt, outcome_salt FROM exchange WHERE id = $1",
        &[id.to_string().into()],
    )?;
    let row = rows.first().ok_or_else(|| StoreError::NotFound {
        what: "exchange",
        name: id.to_string(),
    })?;
    let salt = |column| {
        row.text_or_null(column)
            .and_then(|text| Ok(text.map(str::parse).transpose()?))
    };
    Ok((salt(0)?, salt(1)?))
}

/// The answered exchange of a provider and purpose with this prompt key, where there is one.
pub fn answered(
    tx: &mut dyn Statements,
    provider: &str,
    purpose: &str,
    key: &str,
) -> Result<Option<Exchange>, StoreError> {
    let sql = format!(
        "{COLUMNS} WHERE provider = $1 AND purpose = $2 AND prompt_key = $3 AND state = 'answered' ORDER BY id LIMIT 1"
    );
    tx.query(&sql, &[provider.into(), purpose.into(), key.into()])?
        .first()
        .map(exchange)
        .transpose()
}

/// The exchanges whose process died before their outcome was known.
pub fn open(tx: &mut dyn Statements) -> Result<Vec<Exchange>, StoreError> {
    tx.query(&format!("{COLUMNS} WHERE state = 'open' ORDER BY id"), &[])?
        .iter()
        .map(exchange)
        .collect()
}

/// At most `most` exchanges after an id, oldest first.
pub fn page(tx: &mut dyn Statements, after: Option<ExchangeId>, most: u32) -> Result<Vec<Exchange>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let sql = format!("{COLUMNS} WHERE id > $1 ORDER BY id LIMIT $2");
    tx.query(&sql, &[after.into(), most.into()])?
        .iter()
        .map(exchange)
        .collect()
}

/// One more than the highest leaf that an exchange names: the ledger must be at least so large.
pub fn beyond(tx: &mut dyn Statements) -> Result<u64, StoreError> {
    let sql = "SELECT COALESCE(MAX(COALESCE(outcome_leaf, intent_leaf)) + 1, 0) FROM exchange";
    tx.query(sql, &[])?.first().map_or(Ok(0), |row| row.count(0))
}

/// How many exchanges there are in one state, with their tokens and cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// `open`, `answered`, `partial`, `failed`, `unknown`.
    pub state: String,
    /// How many.
    pub exchanges: u64,
    /// Tokens of requests and answers.
    pub usage: Usage,
    /// What they cost.
    pub cost: MicroUsd,
}

/// Exchanges by state.
pub fn tally(tx: &mut dyn Statements) -> Result<Vec<Tally>, StoreError> {
    let sql = "SELECT state, COUNT(*), CAST(SUM(prompt_tokens) AS BIGINT), CAST(SUM(completion_tokens) AS BIGINT), \
               CAST(SUM(cost_micro_usd) AS BIGINT) FROM exchange GROUP BY state ORDER BY state";
    let tally = |row: &Row| {
        Ok(Tally {
            state: row.text(0)?.to_owned(),
            exchanges: row.count(1)?,
            usage: Usage::counted(TokenCount::new(row.count(2)?), TokenCount::new(row.count(3)?)),
            cost: MicroUsd::new(row.integer(4)?),
        })
    };
    tx.query(sql, &[])?.iter().map(tally).collect()
}
