//! Erasures: begun before anything is destroyed, finished with their entry once all of it is.

use std::collections::BTreeMap;

use cultivar_record::{DatasetId, Erasure, ErasureId, LeafIndex, MarkedDataset};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds an erasure that is about to begin.
pub fn begin(tx: &mut dyn Statements, erasure: &Erasure) -> Result<(), StoreError> {
    let sql = "INSERT INTO erasure (id, leaf, record) VALUES ($1, NULL, $2)";
    tx.execute(sql, &[erasure.id.to_string().into(), record_value(erasure)?])?;
    Ok(())
}

/// Says where the ledger holds the tombstone of an erasure, and what it marked.
pub fn finish(tx: &mut dyn Statements, erasure: &Erasure, leaf: LeafIndex) -> Result<(), StoreError> {
    let sql = "UPDATE erasure SET leaf = $1, record = $2 WHERE id = $3";
    let values = [leaf.0.into(), record_value(erasure)?, erasure.id.to_string().into()];
    tx.execute(sql, &values)?;
    Ok(())
}

/// Models by name and version, each with the last erasure of something that it learned from.
pub(crate) type Marked = BTreeMap<(String, u32), ErasureId>;

/// The models that learned from what is erased.
pub(crate) fn marked_models(tx: &mut dyn Statements) -> Result<Marked, StoreError> {
    let finished = list(tx)?.into_iter().filter(|(_, leaf)| leaf.is_some());
    let models = finished.flat_map(|(erasure, _)| erasure.models.into_iter().map(move |model| (model, erasure.id)));
    Ok(models
        .map(|(model, erasure)| ((model.model, model.version), erasure))
        .collect())
}

/// What is left of each dataset that lost rows, by the last erasure that took some.
pub(crate) fn marked(tx: &mut dyn Statements) -> Result<BTreeMap<DatasetId, MarkedDataset>, StoreError> {
    let finished = list(tx)?.into_iter().filter(|(_, leaf)| leaf.is_some());
    let marked = finished.flat_map(|(erasure, _)| erasure.datasets);
    Ok(marked.map(|dataset| (dataset.dataset, dataset)).collect())
}

/// All erasures, oldest first, with the leaf of their tombstone; without one they are not finished.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<(Erasure, Option<LeafIndex>)>, StoreError> {
    let rows = tx.query("SELECT record, COALESCE(leaf, -1) FROM erasure ORDER BY id", &[])?;
    rows.iter()
        .map(|row| Ok((row.record(0)?, u64::try_from(row.integer(1)?).ok().map(LeafIndex))))
        .collect()
}
