//! What was used, by the hour: written with the outcomes that it counts, in the same commit.

use std::collections::BTreeMap;

use cultivar_record::{ExchangeOutcome, Intent, MicroUsd, Timestamp, TokenCount, Usage};

use crate::{Row, Statements, StoreError};

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// What one row counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageKey {
    /// The beginning of the hour in which the calls began.
    pub hour: Timestamp,
    /// Whose calls, by id.
    pub organization: String,
    /// Of which project, by id; empty where the key has none.
    pub project: String,
    /// With which key, by id.
    pub api_key: String,
    /// The model asked for.
    pub model: String,
    /// Who was asked.
    pub provider: String,
    /// The caller's market.
    pub market: String,
    /// What the key was issued for.
    pub purpose: String,
}

/// The counts of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageRow {
    /// Attempts, answered or not.
    pub requests: u64,
    /// Attempts without an answer.
    pub unanswered: u64,
    /// Tokens of requests and answers.
    pub usage: Usage,
    /// What they cost.
    pub cost: MicroUsd,
}

/// Counts one outcome.
pub(crate) fn count(used: &mut BTreeMap<UsageKey, UsageRow>, intent: &Intent, outcome: &ExchangeOutcome) {
    let hour = Timestamp::from_micros(intent.at.micros().div_euclid(HOUR) * HOUR);
    let key = UsageKey {
        hour,
        organization: intent.organization.to_string(),
        project: intent.project.map(|project| project.to_string()).unwrap_or_default(),
        api_key: intent.api_key.to_string(),
        model: intent.model.clone(),
        provider: intent.provider.clone(),
        market: intent.market.to_string(),
        purpose: intent.purpose.to_string(),
    };
    let (usage, cost) = outcome.bill();
    let row = used.entry(key).or_default();
    row.requests += 1;
    row.unanswered += u64::from(matches!(
        outcome,
        ExchangeOutcome::Failed { .. } | ExchangeOutcome::Unknown | ExchangeOutcome::Erased { .. }
    ));
    row.usage.prompt = row.usage.prompt + usage.prompt;
    row.usage.completion = row.usage.completion + usage.completion;
    row.cost = row.cost + cost;
}

/// Adds counts to the rows.
pub(crate) fn add(tx: &mut dyn Statements, used: &BTreeMap<UsageKey, UsageRow>) -> Result<(), StoreError> {
    let sql = "INSERT INTO usage_hour (hour, organization, project, api_key, model, provider, market, purpose, requests, \
               unanswered, prompt_tokens, completion_tokens, cost_micro_usd) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
               ON CONFLICT (hour, organization, project, api_key, model, provider, market, purpose) DO UPDATE SET \
               requests = usage_hour.requests + excluded.requests, \
               unanswered = usage_hour.unanswered + excluded.unanswered, \
               prompt_tokens = usage_hour.prompt_tokens + excluded.prompt_tokens, \
               completion_tokens = usage_hour.completion_tokens + excluded.completion_tokens, \
               cost_micro_usd = usage_hour.cost_micro_usd + excluded.cost_micro_usd";
    for (key, row) in used {
        let values = [
            key.hour.to_string().into(),
            key.organization.as_str().into(),
            key.project.as_str().into(),
            key.api_key.as_str().into(),
            key.model.as_str().into(),
            key.provider.as_str().into(),
            key.market.as_str().into(),
            key.purpose.as_str().into(),
            row.requests.into(),
            row.unanswered.into(),
            row.usage.prompt.get().into(),
            row.usage.completion.get().into(),
            row.cost.get().into(),
        ];
        tx.execute(sql, &values)?;
    }
    Ok(())
}

/// The rows from one moment until before another, oldest first.
pub fn between(
    tx: &mut dyn Statements,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(UsageKey, UsageRow)>, StoreError> {
    let sql = "SELECT hour, organization, project, api_key, model, provider, market, purpose, requests, unanswered, \
               prompt_tokens, completion_tokens, cost_micro_usd FROM usage_hour WHERE hour >= $1 AND hour < $2 \
               ORDER BY hour, organization, project, api_key, model, provider, market, purpose";
    let rows = tx.query(sql, &[from.to_string().into(), until.to_string().into()])?;
    rows.iter().map(|row| Ok((key(row)?, counts(row)?))).collect()
}

fn key(row: &Row) -> Result<UsageKey, StoreError> {
    let text = |column| row.text(column).map(str::to_owned);
    Ok(UsageKey {
        hour: row.parsed(0)?,
        organization: text(1)?,
        project: text(2)?,
        api_key: text(3)?,
        model: text(4)?,
        provider: text(5)?,
        market: text(6)?,
        purpose: text(7)?,
    })
}

fn counts(row: &Row) -> Result<UsageRow, StoreError> {
    Ok(UsageRow {
        requests: row.count(8)?,
        unanswered: row.count(9)?,
        usage: Usage::counted(TokenCount::new(row.count(10)?), TokenCount::new(row.count(11)?)),
        cost: MicroUsd::new(row.integer(12)?),
    })
}
