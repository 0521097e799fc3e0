//! `approval`: people sign that a model of one's own may be offered in a market.

use std::{fmt::Write as _, path::Path};

use cultivar_attest::{SecretKey, Statement};
use cultivar_cli::{ApprovalCommand, ApprovalRequestArgs};
use cultivar_record::{ApprovalId, ApprovalStatement, UnsignedApproval, canonical_json};
use cultivar_store::files;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    admin::{Admin, Ask, ask, object, query, with},
    config::Config,
    failure::{CliError, Failure},
    terminal::Terminal,
};

const APPROVALS: &str = "/api/approvals";

/// An approval as the admin API shows it.
#[derive(Deserialize, Serialize)]
struct Shown {
    id: ApprovalId,
    state: String,
    statement: Option<ApprovalStatement>,
    signatures: Value,
    signers: Vec<String>,
    faults: Vec<Fault>,
    withdrawn: Option<Value>,
    unsigned: Option<UnsignedApproval>,
}

/// Why something that people signed opens nothing.
#[derive(Deserialize, Serialize)]
pub(super) struct Fault {
    code: String,
    message: String,
    help: String,
}

pub(crate) fn run(command: ApprovalCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let shown: Shown = match command {
        ApprovalCommand::Request(request) => {
            let statement: ApprovalStatement = ask(config, draft(request))?.json()?;
            // Both formats are the statement itself: it is what `approval sign` reads.
            terminal.result(&canonical_json(&statement)?, &statement);
            return Ok(());
        }
        ApprovalCommand::List => {
            let all: Vec<Shown> = ask(config, Ask::get(APPROVALS))?.rows()?;
            let lines: Vec<String> = all.iter().map(line).collect();
            terminal.list(&lines, &all, "no approvals yet; see `cultivar approval --help`");
            return Ok(());
        }
        ApprovalCommand::Sign { statement, key } => {
            let key = read_key(&key)?;
            with(config, async |admin: &Admin| {
                let statement: ApprovalStatement = statement_of(admin, APPROVALS, &statement).await?;
                hand_in(admin, APPROVALS, &statement, &key).await
            })?
        }
        ApprovalCommand::Grant { request, key } => {
            let keys: Vec<SecretKey> = key.iter().map(|file| read_key(file)).collect::<Result<_, _>>()?;
            with(config, async |admin: &Admin| {
                let statement: ApprovalStatement = admin.ask(draft(request)).await?.json()?;
                let mut last = None;
                for key in &keys {
                    last = Some(hand_in(admin, APPROVALS, &statement, key).await?);
                }
                let none = || CliError::Argument {
                    reason: "no key was named".to_owned(),
                };
                Ok(last.ok_or_else(none)?)
            })?
        }
        ApprovalCommand::Show { id } => ask(config, Ask::get(format!("{APPROVALS}/{id}")))?.json()?,
        ApprovalCommand::Revoke { id, by } => {
            let path = query(&format!("{APPROVALS}/{id}"), &[("by", Some(by))]);
            ask(config, Ask::delete(path))?.json()?
        }
    };
    terminal.result(&words(&shown), &shown);
    Ok(())
}

fn draft(request: ApprovalRequestArgs) -> Ask {
    let body = object([
        ("model", Some(Value::from(request.model))),
        ("provider", request.provider.map(Value::from)),
        ("market", Some(json!(request.market))),
        ("requested_by", Some(request.by.into())),
        ("expires_at", request.expires.map(|at| json!(at))),
        ("competes", Some(Value::Bool(!request.does_not_compete))),
        ("commercial", Some(Value::Bool(!request.noncommercial))),
        ("fulfils", Some(json!(request.fulfils))),
    ]);
    Ask::post(format!("{APPROVALS}/statements"), body)
}

/// The secret key in a file.
///
/// # Errors
/// `attest::key_unreadable`, which never says what stands in the file.
pub(super) fn read_key(file: &Path) -> Result<SecretKey, Failure> {
    Ok(SecretKey::from_pem(&files::read_text(file)?)?)
}

/// The statement in a file, or that of what others have signed.
pub(super) async fn statement_of<S: DeserializeOwned>(admin: &Admin, path: &str, named: &str) -> Result<S, Failure> {
    let is_id = named.parse::<ApprovalId>().is_ok();
    let value: Value = if is_id {
        let mut shown: Value = admin.ask(Ask::get(format!("{path}/{named}"))).await?.json()?;
        shown.get_mut("statement").map(Value::take).unwrap_or_default()
    } else {
        let unreadable = |e: serde_json::Error| unreadable(named, &e);
        serde_json::from_str(&files::read_text(Path::new(named))?).map_err(unreadable)?
    };
    Ok(serde_json::from_value(value).map_err(|e| unreadable(named, &e))?)
}

fn unreadable(file: &str, error: &serde_json::Error) -> CliError {
    CliError::Argument {
        reason: format!("`{file}` holds no statement of this kind: {error}"),
    }
}

/// Signs a statement here and hands in the signature.
pub(super) async fn hand_in<S: Statement, T: DeserializeOwned>(
    admin: &Admin,
    path: &str,
    statement: &S,
    key: &SecretKey,
) -> Result<T, Failure> {
    let signature = json!({ "key": key.public(), "signature": key.sign(statement)? });
    let body = json!({ "statement": statement, "signature": signature });
    admin.ask(Ask::post(path, body)).await?.json()
}

fn line(shown: &Shown) -> String {
    match (&shown.statement, &shown.unsigned) {
        (Some(statement), _) => {
            let signers = if shown.signers.is_empty() {
                "nobody".to_owned()
            } else {
                shown.signers.join(", ")
            };
            format!(
                "{}  `{}` in {}, until {}, signed by {signers}: {}",
                shown.id, statement.model, statement.market, statement.expires_at, shown.state
            )
        }
        (None, Some(old)) => format!(
            "{}  `{}` in {}, by {}: {}: not signed, and opens nothing",
            shown.id, old.model, old.market, old.granted_by, old.reference
        ),
        (None, None) => format!("{}  {}", shown.id, shown.state),
    }
}

fn words(shown: &Shown) -> String {
    let mut text = line(shown);
    tell_faults(&mut text, &shown.faults);
    text
}

/// What is missing or void, a line each.
pub(super) fn tell_faults(text: &mut String, faults: &[Fault]) {
    for Fault { code, message, help } in faults {
        let _ = write!(text, "\n  {code}: {message}\n    {help}");
    }
}
