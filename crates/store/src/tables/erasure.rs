//! Erasures: begun before anything is destroyed, finished with their entry once all of it is.

use cultivar_record::{Erasure, ErasureId, LeafIndex};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds an erasure that is about to begin.
pub fn begin(tx: &mut dyn Statements, erasure: &Erasure) -> Result<(), StoreError> {
    let sql = "INSERT INTO erasure (id, leaf, record) VALUES ($1, NULL, $2)";
    tx.execute(sql, &[erasure.id.to_string().into(), record_value(erasure)?])?;
    Ok(())
}

/// Says where the ledger holds the tombstone of an erasure.
pub fn finish(tx: &mut dyn Statements, id: ErasureId, leaf: LeafIndex) -> Result<(), StoreError> {
    let sql = "UPDATE erasure SET leaf = $1 WHERE id = $2";
    tx.execute(sql, &[leaf.0.into(), id.to_string().into()])?;
    Ok(())
}

/// All erasures, oldest first, with the leaf of their tombstone; without one they are not finished.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<(Erasure, Option<LeafIndex>)>, StoreError> {
    let rows = tx.query("SELECT record, COALESCE(leaf, -1) FROM erasure ORDER BY id", &[])?;
    rows.iter()
        .map(|row| Ok((row.record(0)?, u64::try_from(row.integer(1)?).ok().map(LeafIndex))))
        .collect()
}
