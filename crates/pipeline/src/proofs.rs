//! That the ledger holds what a pedigree names: C2SP tlog-proofs beside the signature, each with its entry, checked offline.

use cultivar_gateway::LedgerFiles;
use cultivar_ledger::{PublishedLog, TlogProof, TreeHead, VerifierKey};
use cultivar_record::{EntryKind, LeafIndex, LedgerEntry, Pedigree, SignedPedigree};

use crate::{Context, PipelineError};

/// The entries that a pedigree names: its datasets' seals and the end of its run.
fn named(pedigree: &Pedigree) -> impl Iterator<Item = LeafIndex> {
    let seals = pedigree.datasets.iter().map(|dataset| dataset.leaf);
    seals.chain([pedigree.run_leaf])
}

/// The proofs of everything that a pedigree names, under one tree head that holds all of it.
pub(crate) fn of(context: &Context, pedigree: &Pedigree) -> Result<Vec<String>, PipelineError> {
    context.gateway.publish()?;
    let files = LedgerFiles::new(context.dir.ledger());
    let key: VerifierKey = files.verifier_key()?.unwrap_or_default().parse()?;
    let note = files.tree_head()?.unwrap_or_default();
    let size = TreeHead::open(&note, &key)?.size;
    let log = PublishedLog::new(size, &files);
    let proofs = named(pedigree).map(|index| {
        let proof = TlogProof {
            extra: Some(log.entry(index)?),
            index,
            path: log.inclusion_proof(index, size)?.path,
            tree_head: note.clone(),
        };
        Ok(proof.to_string())
    });
    proofs.collect()
}

/// Checks that every entry that a pedigree names is proved, and is what the pedigree says that it is. Returns how many there are.
///
/// # Errors
/// `ledger::malformed`, `ledger::proof_fails`, `ledger::bad_signature`, or in words what is not proved.
pub(crate) fn check(
    signed: &SignedPedigree,
    key: &VerifierKey,
    damaged: impl Fn(String) -> PipelineError,
) -> Result<usize, PipelineError> {
    let mut proved: Vec<(LeafIndex, LedgerEntry)> = Vec::new();
    for text in &signed.proofs {
        let proof: TlogProof = text.parse()?;
        let entry = proof.extra.as_deref().unwrap_or_default();
        proof.verify(entry, key)?;
        let entry = serde_json::from_slice(entry).map_err(|e| damaged(format!("a proof holds no entry: {e}")))?;
        proved.push((proof.index, entry));
    }
    let is_proved = |leaf: LeafIndex, fits: &dyn Fn(&LedgerEntry) -> bool| {
        let found = proved.iter().any(|(index, entry)| *index == leaf && fits(entry));
        let reason = || damaged(format!("the pedigree has no proof of the ledger's entry {leaf}"));
        found.then_some(()).ok_or_else(reason)
    };
    let pedigree = &signed.pedigree;
    for dataset in &pedigree.datasets {
        is_proved(dataset.leaf, &|entry| {
            entry.kind == EntryKind::DatasetSealed && entry.digests.get("dataset") == Some(&dataset.digest)
        })?;
    }
    is_proved(pedigree.run_leaf, &|entry| {
        entry.kind == EntryKind::RunEnded && entry.subject == pedigree.run.to_string()
    })?;
    Ok(named(pedigree).count())
}
