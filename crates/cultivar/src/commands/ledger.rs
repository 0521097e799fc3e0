//! `ledger`: everything but `fsck` works from the files alone, also while a server writes them.

use std::path::Path;

use cultivar_cli::LedgerCommand;
use cultivar_gateway::LedgerFiles;
use cultivar_ledger::{
    LedgerError, PublishedLog, TlogProof, TreeHead, VerifierKey, VerifyReport, WitnessKey, verify_log,
};
use cultivar_record::{LeafIndex, Timestamp};
use cultivar_store::{DataDir, StoreError, files, tables};
use serde::Serialize;
use serde_json::json;

use crate::{
    config::Config,
    failure::{CliError, Failure},
    opened::look,
    terminal::Terminal,
};

pub(crate) fn run(command: &LedgerCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let dir = DataDir::at(config.data_dir());
    match command {
        LedgerCommand::Head => head(&dir, terminal),
        LedgerCommand::Prove { index } => prove(&dir, *index, terminal),
        LedgerCommand::Verify { witnesses } => verify(&dir, witnesses, terminal),
        LedgerCommand::Fsck => fsck(config, terminal),
    }
}

/// The files, the signed tree head and the key of a ledger.
fn open(dir: &DataDir) -> Result<(LedgerFiles, String, VerifierKey), Failure> {
    let files = LedgerFiles::new(dir.ledger());
    let path = || dir.root().display().to_string();
    let key = files
        .verifier_key()?
        .ok_or_else(|| StoreError::NoData { path: path() })?;
    let head = files
        .tree_head()?
        .ok_or_else(|| CliError::NoTreeHead { path: path() })?;
    Ok((files, head, key.parse()?))
}

/// Verifies a ledger from its files alone. Where a server publishes meanwhile, the files of the tree head just read may be
/// superseded: then the newer one is verified.
pub(crate) fn verified(dir: &DataDir) -> Result<VerifyReport, Failure> {
    let (files, mut head, key) = open(dir)?;
    loop {
        let error = match verify_log(&head, &key, &files) {
            Ok(report) => return Ok(report),
            Err(error) => error,
        };
        let newest = open(dir)?.1;
        if !matches!(error, LedgerError::FileMissing { .. }) || newest == head {
            return Err(error.into());
        }
        head = newest;
    }
}

/// What is said of a ledger that holds.
#[derive(Serialize)]
struct Verified {
    #[serde(flatten)]
    report: VerifyReport,
    /// Who cosigned its tree head.
    cosigned: Vec<Cosigned>,
}

#[derive(Serialize)]
struct Cosigned {
    witness: String,
    at: Timestamp,
}

fn verify(dir: &DataDir, witnesses: &[String], terminal: &Terminal) -> Result<(), Failure> {
    let keys = witnesses.iter().map(|given| witness_key(given));
    let keys = keys.collect::<Result<Vec<WitnessKey>, Failure>>()?;
    let report = verified(dir)?;
    let note = open(dir)?.1;
    let cosigned = keys.iter().map(|key| {
        let seconds = key.cosigned_at(&note)?;
        let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Ok(Cosigned {
            witness: key.name().to_owned(),
            at: Timestamp::from_micros(micros),
        })
    });
    let cosigned = cosigned.collect::<Result<Vec<Cosigned>, LedgerError>>()?;
    let lines = cosigned
        .iter()
        .map(|each| format!("\ncosigned by {} on {}", each.witness, each.at));
    let text = words(&report) + &lines.collect::<String>();
    terminal.result(&text, &Verified { report, cosigned });
    Ok(())
}

/// The key of a witness, given as it is or as a file.
fn witness_key(given: &str) -> Result<WitnessKey, Failure> {
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    Ok(files::read_text(Path::new(given))?.trim().parse()?)
}

fn words(report: &VerifyReport) -> String {
    let kinds: Vec<String> = report
        .kinds
        .iter()
        .map(|(kind, count)| format!("  {count:>8} {kind}"))
        .collect();
    format!(
        "verified: {} entries of {}\n{}\nroot {}",
        report.entries_checked,
        report.origin,
        kinds.join("\n"),
        report.root
    )
}

fn head(dir: &DataDir, terminal: &Terminal) -> Result<(), Failure> {
    let (_, note, key) = open(dir)?;
    let head = TreeHead::open(&note, &key)?;
    terminal.result(
        &note,
        &json!({ "origin": head.origin, "size": head.size, "root": head.root, "note": note }),
    );
    Ok(())
}

fn prove(dir: &DataDir, index: LeafIndex, terminal: &Terminal) -> Result<(), Failure> {
    let (files, note, key) = open(dir)?;
    let size = TreeHead::open(&note, &key)?.size;
    let log = PublishedLog::new(size, &files);
    let entry = log.entry(index)?;
    let path = log.inclusion_proof(index, size)?;
    let proof = TlogProof {
        extra: Some(entry),
        index,
        path: path.path,
        tree_head: note,
    };
    terminal.result(
        &proof.to_string(),
        &json!({ "index": index, "proof": proof.to_string() }),
    );
    Ok(())
}

/// Verifies, and compares with the database: nothing durable may be missing from the files or the other way round.
fn fsck(config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let (dir, store) = look(config)?;
    let report = verified(&dir)?;
    let row = store.read(tables::ledger::head)?;
    let waiting = row.next_leaf.saturating_sub(row.published_size);
    let named = store.read(tables::exchange::beyond)?;
    if report.size < row.published_size || named > row.next_leaf {
        let database = row.published_size.max(named);
        return Err(Failure::verification(CliError::RolledBack {
            files: report.size,
            database,
        }));
    }
    let text = format!(
        "{}\nthe database agrees; {waiting} durable entries wait for the next tree head",
        words(&report)
    );
    terminal.result(&text, &json!({ "verified": report, "waiting": waiting }));
    Ok(())
}
