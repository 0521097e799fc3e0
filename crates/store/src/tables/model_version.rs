//! Published versions of models of our own: each is its pedigree.

use cultivar_record::{Digest, LeafIndex, ModelVersionId, Pedigree};

use super::{named, record_value};
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

fn stored(row: &Row) -> Result<StoredModel, StoreError> {
    Ok(StoredModel {
        pedigree: row.record(0)?,
        weights: row.parsed(1)?,
        leaf: LeafIndex(row.count(2)?),
        state: row.text(3)?.to_owned(),
    })
}

/// The versions of a model, oldest first.
pub fn versions(tx: &mut dyn Statements, model: &str) -> Result<Vec<StoredModel>, StoreError> {
    let sql = "SELECT record, weights, leaf, state FROM model_version WHERE model = $1 ORDER BY version";
    tx.query(sql, &[model.into()])?.iter().map(stored).collect()
}

/// All versions of all models.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<StoredModel>, StoreError> {
    let sql = "SELECT record, weights, leaf, state FROM model_version ORDER BY model, version";
    tx.query(sql, &[])?.iter().map(stored).collect()
}
