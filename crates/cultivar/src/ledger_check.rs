//! What must hold of a ledger before anything is added to it: its key is there and its own, and the clock is not behind it.

use cultivar_gateway::LedgerFiles;
use cultivar_ledger::{LedgerError, PublishedLog, TreeHead, VerifierKey};
use cultivar_record::{Ambient, LeafIndex, LedgerEntry};
use cultivar_store::{DataDir, files};

use crate::failure::{CliError, Failure};

/// How far a clock may be behind the newest entry: machines set theirs right by seconds.
const MOST_BEHIND_MICROS: i64 = 60 * 1_000_000;

/// Refuses a ledger whose secret key is gone: another one would begin a second history under its name.
///
/// # Errors
/// `ledger::key_lost`.
pub(crate) fn has_key(dir: &DataDir) -> Result<(), Failure> {
    let secret = dir.secrets().join("ledger.key");
    let began = LedgerFiles::new(dir.ledger()).verifier_key()?.is_some();
    if began && files::read_if_any(&secret)?.is_none() {
        let path = secret.display().to_string();
        return Err(Failure::verification(CliError::LedgerKeyLost { path }));
    }
    Ok(())
}

/// Refuses a secret key that did not sign the ledger's tree head.
///
/// # Errors
/// `ledger::key_other`; whatever else is wrong with the tree head.
pub(crate) fn is_signed_by(dir: &DataDir, key: &VerifierKey) -> Result<(), Failure> {
    let Some(note) = LedgerFiles::new(dir.ledger()).tree_head()? else {
        return Ok(());
    };
    match TreeHead::open(&note, key) {
        Err(LedgerError::UnknownSigner { .. }) => Err(Failure::verification(CliError::LedgerKeyOther {
            key: key.name().to_owned(),
        })),
        // What else is wrong is said by whoever reads the files.
        _ => Ok(()),
    }
}

/// Refuses a clock that is behind the newest published entry: what would be decided now has an order that is not true.
///
/// # Errors
/// `cli::clock_behind`.
pub(crate) fn clock_is_ahead(dir: &DataDir, key: &VerifierKey, ambient: &dyn Ambient) -> Result<(), Failure> {
    let files = LedgerFiles::new(dir.ledger());
    let newest = || -> Option<LedgerEntry> {
        let size = TreeHead::open(&files.tree_head().ok()??, key).ok()?.size;
        let entry = PublishedLog::new(size, &files)
            .entry(LeafIndex(size.checked_sub(1)?))
            .ok()?;
        serde_json::from_slice(&entry).ok()
    };
    let (now, newest) = (ambient.now(), newest().map(|entry| entry.at));
    match newest.filter(|at| at.micros() - now.micros() > MOST_BEHIND_MICROS) {
        None => Ok(()),
        Some(newest) => Err(CliError::ClockBehind { now, newest }.into()),
    }
}
