//! Published versions of models of our own: each is its pedigree.

use cultivar_record::{Digest, ErasureId, LeafIndex, ModelVersionId, Pedigree};

use super::{
    erasure::{self, Marked},
    named, record_value,
};
use crate::{Row, Statements, StoreError};

/// A published model version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredModel {
    /// Everything that it descends from.
    pub pedigree: Pedigree,
    /// The weights' digest.
    pub weights: Digest,
    /// Where the ledger holds its publication.
    pub leaf: LeafIndex,
    /// `published` or `retired`.
    pub state: String,
    /// The last erasure of something that it learned from, where there was one.
    pub marked: Option<ErasureId>,
}

/// Adds a published version.
pub fn insert(
    tx: &mut dyn Statements,
    id: ModelVersionId,
    pedigree: &Pedigree,
    leaf: LeafIndex,
) -> Result<(), StoreError> {
    let values = [
        id.to_string().into(),
        pedigree.model.as_str().into(),
        pedigree.version.into(),
        pedigree.weights.to_string().into(),
        leaf.0.into(),
        record_value(pedigree)?,
    ];
    let sql = "INSERT INTO model_version (id, model, version, weights, state, leaf, record) \
               VALUES ($1, $2, $3, $4, 'published', $5, $6)";
    tx.execute(sql, &values)
        .map_err(|e| named(e, "model", &pedigree.model))?;
    Ok(())
}

/// Withdraws a version.
pub fn retire(tx: &mut dyn Statements, model: &str, version: u32) -> Result<(), StoreError> {
    let sql = "UPDATE model_version SET state = 'retired' WHERE model = $1 AND version = $2 AND state = 'published'";
    let changed = tx.execute(sql, &[model.into(), version.into()])?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "model",
            name: format!("{model}@{version}"),
        })
    }
}

fn stored(row: &Row, marked: &Marked) -> Result<StoredModel, StoreError> {
    let pedigree: Pedigree = row.record(0)?;
    Ok(StoredModel {
        marked: marked.get(&(pedigree.model.clone(), pedigree.version)).copied(),
        pedigree,
        weights: row.parsed(1)?,
        leaf: LeafIndex(row.count(2)?),
        state: row.text(3)?.to_owned(),
    })
}

/// The versions of a model, oldest first.
pub fn versions(tx: &mut dyn Statements, model: &str) -> Result<Vec<StoredModel>, StoreError> {
    let sql = "SELECT record, weights, leaf, state FROM model_version WHERE model = $1 ORDER BY version";
    let marked = erasure::marked_models(tx)?;
    let rows = tx.query(sql, &[model.into()])?;
    rows.iter().map(|row| stored(row, &marked)).collect()
}

/// All versions of all models.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<StoredModel>, StoreError> {
    let sql = "SELECT record, weights, leaf, state FROM model_version ORDER BY model, version";
    let marked = erasure::marked_models(tx)?;
    let rows = tx.query(sql, &[])?;
    rows.iter().map(|row| stored(row, &marked)).collect()
}
