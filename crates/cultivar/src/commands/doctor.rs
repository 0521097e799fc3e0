//! `doctor`: checks everything in the data directory, and says what to do about what is wrong.

use cultivar_pipeline::{verify_dataset, verify_model};
use cultivar_record::{Digest, ExchangeOutcome};
use cultivar_store::{Blobs, DataDir, Store, tables};
use serde_json::{Value, json};

use super::ledger::verified;
use crate::{
    config::Config,
    failure::{CliError, Failure},
    opened::{look, register},
    terminal::Terminal,
};

/// Exchanges read from the database at a time.
const PAGE: u32 = 1_000;

/// What a check found: a word of praise, or a failure.
type Finding = Result<String, Failure>;

pub(crate) fn run(config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let (dir, store) = look(config)?;
    let mut checks: Vec<(String, Finding)> = vec![
        (
            "terms".to_owned(),
            register(config.terms.as_deref()).map(|register| format!("{} rows", register.rows().len())),
        ),
        (
            "ledger".to_owned(),
            verified(&dir).map(|report| format!("{} entries", report.entries_checked)),
        ),
        ("bodies".to_owned(), bodies(&dir, &store)),
        ("erasures".to_owned(), erasures(&store)),
    ];
    for stored in store.read(tables::dataset::list)? {
        let name = format!("dataset {}@{}", stored.dataset.name, stored.dataset.version);
        let found = verify_dataset(&dir, stored)
            .map(|n| format!("{n} conversations"))
            .map_err(Failure::verification);
        checks.push((name, found));
    }
    for stored in store.read(tables::model_version::list)? {
        let (model, version) = (&stored.pedigree.model, stored.pedigree.version);
        checks.push((format!("model {model}@{version}"), checked_model(&dir, model, version)));
    }
    let lines: Vec<String> = checks.iter().map(|(name, finding)| line(name, finding)).collect();
    let values: Vec<Value> = checks.iter().map(|(name, finding)| value(name, finding)).collect();
    terminal.result(&lines.join("\n"), &values);
    match checks.iter().filter(|(_, finding)| finding.is_err()).count() {
        0 => Ok(()),
        count => Err(CliError::Unwell { count }.into()),
    }
}

/// Every request and answer that an exchange names is there and is what its digest says.
fn bodies(dir: &DataDir, store: &Store) -> Finding {
    let blobs = Blobs::new(dir);
    let (mut after, mut count, mut wrong) = (None, 0_u64, Vec::new());
    loop {
        let page = store.read(|tx| tables::exchange::page(tx, after, PAGE))?;
        let Some(last) = page.last() else { break };
        after = Some(last.intent.id);
        for exchange in &page {
            let answer: Option<Digest> = match &exchange.outcome {
                Some(ExchangeOutcome::Answered { answer, .. } | ExchangeOutcome::Partial { answer, .. }) => {
                    Some(*answer)
                }
                _ => None,
            };
            if exchange.outcome.as_ref().is_some_and(ExchangeOutcome::is_erased) {
                continue;
            }
            for digest in [Some(exchange.intent.request), answer].into_iter().flatten() {
                wrong.extend(blobs.bytes(&digest).err());
            }
            count += 1;
        }
    }
    match wrong.first() {
        None => Ok(format!("{count} exchanges")),
        Some(first) => Err(Failure::verification(CliError::Bodies {
            count: wrong.len(),
            first: first.to_string(),
        })),
    }
}

/// Every erasure that was begun is finished.
fn erasures(store: &Store) -> Finding {
    let all = store.read(tables::erasure::list)?;
    match all.iter().find(|(_, leaf)| leaf.is_none()) {
        None => Ok(format!("{} finished", all.len())),
        Some((erasure, _)) => Err(CliError::Unfinished {
            erasure: erasure.id.to_string(),
        }
        .into()),
    }
}

fn checked_model(dir: &DataDir, model: &str, version: u32) -> Finding {
    let keys = super::model::keys(dir, None, None)?;
    let name = format!("{model}@{version}");
    let verified = verify_model(&dir.model(model, version), &name, &keys).map_err(Failure::verification)?;
    Ok(format!("{} checks of its papers", verified.checks.len()))
}

fn line(name: &str, finding: &Finding) -> String {
    match finding {
        Ok(words) => format!("ok      {name}: {words}"),
        Err(failure) => {
            let help = failure
                .diagnostic
                .help()
                .map(|help| format!("\n        help: {help}"))
                .unwrap_or_default();
            format!("FAILED  {name}: {}{help}", failure.diagnostic)
        }
    }
}

fn value(name: &str, finding: &Finding) -> Value {
    match finding {
        Ok(words) => json!({ "check": name, "ok": true, "found": words }),
        Err(failure) => json!({
            "check": name,
            "ok": false,
            "code": failure.diagnostic.code().map(|code| code.to_string()),
            "message": failure.diagnostic.to_string(),
        }),
    }
}
