//! Sealed datasets.

use std::collections::BTreeMap;

use cultivar_record::{Dataset, DatasetId, Digest, LeafIndex, MarkedDataset, Split};

use super::{erasure, named, record_value};
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
    /// What is left of it, where erasures took rows.
    pub marked: Option<MarkedDataset>,
}

impl StoredDataset {
    /// The digest that a part of it has now; nothing where there is no such part.
    pub fn digest_of_split(&self, split: Split) -> Option<Digest> {
        let left = self.marked.as_ref().and_then(|marked| marked.splits.get(&split));
        left.copied().or_else(|| Some(self.dataset.splits.get(&split)?.digest))
    }
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

fn stored(row: &Row, marked: &BTreeMap<DatasetId, MarkedDataset>) -> Result<StoredDataset, StoreError> {
    let dataset: Dataset = row.record(0)?;
    Ok(StoredDataset {
        marked: marked.get(&dataset.id).cloned(),
        dataset,
        digest: row.parsed(1)?,
        leaf: LeafIndex(row.count(2)?),
    })
}

/// The versions of a dataset, oldest first.
pub fn versions(tx: &mut dyn Statements, name: &str) -> Result<Vec<StoredDataset>, StoreError> {
    let sql = "SELECT record, digest, leaf FROM dataset WHERE name = $1 ORDER BY version";
    let marked = erasure::marked(tx)?;
    let rows = tx.query(sql, &[name.into()])?;
    rows.iter().map(|row| stored(row, &marked)).collect()
}

/// All datasets, by name and version.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<StoredDataset>, StoreError> {
    let marked = erasure::marked(tx)?;
    let rows = tx.query("SELECT record, digest, leaf FROM dataset ORDER BY name, version", &[])?;
    rows.iter().map(|row| stored(row, &marked)).collect()
}
