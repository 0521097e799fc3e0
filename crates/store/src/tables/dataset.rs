//! Sealed datasets.

use cultivar_record::{Dataset, Digest, LeafIndex};

use super::{named, record_value};
use crate::{Row, Statements, StoreError};

/// A sealed dataset as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDataset {
    /// Its manifest.
    pub dataset: Dataset,
    /// The digest of the manifest.
    pub digest: Digest,
    /// Where the ledger holds its seal.
    pub leaf: LeafIndex,
}

/// Adds a sealed dataset.
pub fn insert(tx: &mut dyn Statements, dataset: &Dataset, digest: Digest, leaf: LeafIndex) -> Result<(), StoreError> {
    let values = [
        dataset.id.to_string().into(),
        dataset.name.as_str().into(),
        dataset.version.into(),
        digest.to_string().into(),
        leaf.0.into(),
        record_value(dataset)?,
    ];
    let sql = "INSERT INTO dataset (id, name, version, digest, leaf, record) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, &values)
        .map_err(|e| named(e, "dataset", &dataset.name))?;
    Ok(())
}

fn stored(row: &Row) -> Result<StoredDataset, StoreError> {
    Ok(StoredDataset {
        dataset: row.record(0)?,
        digest: row.parsed(1)?,
        leaf: LeafIndex(row.count(2)?),
    })
}

/// The versions of a dataset, oldest first.
pub fn versions(tx: &mut dyn Statements, name: &str) -> Result<Vec<StoredDataset>, StoreError> {
    let sql = "SELECT record, digest, leaf FROM dataset WHERE name = $1 ORDER BY version";
    tx.query(sql, &[name.into()])?.iter().map(stored).collect()
}

/// All datasets, by name and version.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<StoredDataset>, StoreError> {
    tx.query("SELECT record, digest, leaf FROM dataset ORDER BY name, version", &[])?
        .iter()
        .map(stored)
        .collect()
}
