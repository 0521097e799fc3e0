//! Foreign verifiers against what a data directory holds: pymerkle with cryptography, and Go's own sumdb code, read the ledger; the
//! reference implementations of their formats read the papers beside weights and datasets.
//!
//! Each also meets copies that were changed, so that a verifier that takes everything is noticed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use super::{Context, Outcome, peers, report::Row, say};
use crate::Failure;

/// The readers of papers, as `papers.py` calls them.
const READERS: [&str; 4] = ["model-signing", "cyclonedx", "in-toto", "croissant"];

/// What a verifier prints: one JSON object as its last line.
#[derive(Deserialize)]
struct Summary {
    client: String,
    version: String,
    passed: bool,
    checks: u32,
    /// Why the ledger was refused.
    reason: Option<String>,
    /// The file that was changed in a copy, and why the copy was refused; none where it was not.
    #[serde(default)]
    tampered: BTreeMap<String, Option<String>>,
}

pub(super) fn run(context: &Context) -> Result<Outcome, Failure> {
    let suite = context.suites.join("provenance");
    let ledger = context.data_dir.join("ledger");
    let mut outcome = Outcome::default();
    match peers::python(&context.peers.join("provenance"), &suite.join("requirements.txt")) {
        Ok(python) => {
            say("pymerkle reads the ledger")?;
            let verify = suite.join("verify.py");
            outcome
                .rows
                .extend(verified(Command::new(python).arg(verify).arg("--tamper").arg(&ledger))?);
        }
        Err(why) => outcome.missing.push(why),
    }
    match peers::go(&context.peers, &suite.join("go")) {
        Ok(verify) => {
            say("Go's sumdb reads the ledger")?;
            let proofs = proofs(&context.data_dir)?;
            outcome.rows.extend(verified(
                Command::new(verify)
                    .args(["-n", "0", "-tamper"])
                    .arg(&ledger)
                    .args(proofs),
            )?);
        }
        Err(why) => outcome.missing.push(why),
    }
    match peers::python(&context.peers.join("papers"), &suite.join("papers.txt")) {
        Ok(python) => {
            for reader in READERS {
                say(&format!("{reader} reads the papers"))?;
                let mut command = Command::new(&python);
                command.arg(suite.join("papers.py")).arg(reader).arg(&context.data_dir);
                outcome.add_printed(&peers::stdout_of(&mut command)?)?;
            }
        }
        Err(why) => outcome.missing.push(why),
    }
    Ok(outcome)
}

/// Runs a verifier: one row for the ledger as it is, one for its changed copies.
fn verified(command: &mut Command) -> Result<[Row; 2], Failure> {
    let stdout = peers::stdout_of(command)?;
    let last = stdout.trim_end().lines().next_back().unwrap_or("");
    let summary: Summary = serde_json::from_str(last).map_err(Failure::at("what the verifier printed"))?;
    Ok(rows(summary))
}

fn rows(summary: Summary) -> [Row; 2] {
    let Summary { client, version, .. } = summary;
    let row = |tried: &str, checks: u32, failed: Vec<String>| Row {
        tried: tried.to_owned(),
        client: client.clone(),
        version: version.clone(),
        checks,
        passed: checks.saturating_sub(u32::try_from(failed.len()).unwrap_or(u32::MAX)),
        failed,
    };
    let copies = u32::try_from(summary.tampered.len()).unwrap_or(u32::MAX);
    let taken = summary.tampered.into_iter().filter(|(_, refusal)| refusal.is_none());
    let taken: Vec<_> = taken
        .map(|(file, _)| format!("taken although changed: {file}"))
        .collect();
    let unexplained = (!summary.passed && taken.is_empty()).then(|| "refused without a reason".to_owned());
    let refusals = summary.reason.or(unexplained).into_iter().collect();
    [
        row(
            "the ledger verifies",
            summary.checks.saturating_sub(copies).max(1),
            refusals,
        ),
        row("changed copies are refused", copies, taken),
    ]
}

/// The proofs that lie anywhere in the data directory.
fn proofs(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::at(folder.display()))? {
        let path = entry.map_err(Failure::at(folder.display()))?.path();
        if path.is_dir() {
            found.extend(proofs(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "tlog-proof") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(printed: &str) -> [(u32, u32); 2] {
        rows(serde_json::from_str(printed).unwrap()).map(|row| (row.passed, row.checks))
    }

    #[test]
    fn a_verified_ledger_holds() {
        let printed =
            r#"{"client":"c","version":"1","passed":true,"checks":12,"size":5,"tampered":{"a":"no","b":"no"}}"#;
        assert_eq!(passed(printed), [(10, 10), (2, 2)]);
    }

    #[test]
    fn a_refused_ledger_does_not() {
        let printed = r#"{"client":"c","version":"1","passed":false,"checks":0,"reason":"the root"}"#;
        assert_eq!(passed(printed), [(0, 1), (0, 0)]);
        let unexplained = r#"{"client":"c","version":"1","passed":false,"checks":3}"#;
        assert_eq!(passed(unexplained), [(2, 3), (0, 0)]);
    }

    #[test]
    fn a_verifier_that_takes_everything_is_noticed() {
        let printed = r#"{"client":"c","version":"1","passed":false,"checks":12,"tampered":{"a":"no","b":null}}"#;
        assert_eq!(passed(printed), [(10, 10), (1, 2)]);
    }
}
