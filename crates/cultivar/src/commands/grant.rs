//! `grant`: people sign that a contract waives facts of some terms.

use cultivar_cli::{GrantCommand, GrantDraftArgs};
use cultivar_record::{Digest, GrantId, GrantStatement, TermsKey, canonical_json};
use cultivar_store::files;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::approval::{Fault, hand_in, read_key, statement_of, tell_faults};
use crate::{
    admin::{Admin, Ask, ask, query, with},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

const GRANTS: &str = "/api/grants";

/// A grant as the admin API shows it.
#[derive(Deserialize, Serialize)]
struct Shown {
    id: GrantId,
    state: String,
    statement: GrantStatement,
    signatures: Value,
    signers: Vec<String>,
    faults: Vec<Fault>,
    revoked: Option<Value>,
}

pub(crate) fn run(command: GrantCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let shown: Shown = match command {
        GrantCommand::Draft(args) => {
            let statement: GrantStatement = ask(config, draft(&args)?)?.json()?;
            // Both formats are the statement itself: it is what `grant sign` reads.
            terminal.result(&canonical_json(&statement)?, &statement);
            return Ok(());
        }
        GrantCommand::List => {
            let all: Vec<Shown> = ask(config, Ask::get(GRANTS))?.rows()?;
            let lines: Vec<String> = all.iter().map(line).collect();
            terminal.list(&lines, &all, "no grants yet; see `cultivar grant --help`");
            return Ok(());
        }
        GrantCommand::Sign { statement, key } => {
            let key = read_key(&key)?;
            with(config, async |admin: &Admin| {
                let statement: GrantStatement = statement_of(admin, GRANTS, &statement).await?;
                hand_in(admin, GRANTS, &statement, &key).await
            })?
        }
        GrantCommand::Show { id } => ask(config, Ask::get(format!("{GRANTS}/{id}")))?.json()?,
        GrantCommand::Revoke { id, by } => {
            let path = query(&format!("{GRANTS}/{id}"), &[("by", Some(by))]);
            ask(config, Ask::delete(path))?.json()?
        }
    };
    let mut text = line(&shown);
    tell_faults(&mut text, &shown.faults);
    terminal.result(&text, &shown);
    Ok(())
}

fn draft(args: &GrantDraftArgs) -> Result<Ask, Failure> {
    let document = Digest::of_bytes(&files::read(&args.document)?);
    let body = json!({
        "party": args.party,
        "clause": args.clause,
        "document": document,
        "waives": args.waives,
        "terms": args.terms,
        "models": args.model,
        "purposes": args.purpose,
        "markets": args.market,
        "drafted_by": args.by,
        "expires_at": args.expires,
    });
    Ok(Ask::post(format!("{GRANTS}/statements"), body))
}

fn line(shown: &Shown) -> String {
    let statement = &shown.statement;
    let waived: Vec<&str> = statement.waives.iter().map(|fact| fact.as_str()).collect();
    let terms: Vec<&str> = statement.terms.iter().map(TermsKey::as_str).collect();
    let signers = if shown.signers.is_empty() {
        "nobody".to_owned()
    } else {
        shown.signers.join(", ")
    };
    format!(
        "{}  {} waives {} of {} ({}) until {}, signed by {signers}: {}",
        shown.id,
        statement.party,
        waived.join(", "),
        terms.join(", "),
        statement.clause,
        statement.expires_at,
        shown.state
    )
}
