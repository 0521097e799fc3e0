//! `ledger`: everything but `fsck` works from the files alone, also while a server writes them.

use cultivar_gateway::LedgerFiles;
use cultivar_ledger::{LedgerError, PublishedLog, TlogProof, TreeHead, VerifierKey, VerifyReport, verify_log};
use cultivar_record::LeafIndex;
use cultivar_store::{DataDir, StoreError, tables};
use serde_json::json;

use crate::{
    cli::LedgerCommand,
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
        LedgerCommand::Verify => {
            let report = verified(&dir)?;
            terminal.result(&words(&report), &report);
            Ok(())
        }
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
