//! API keys: only a keyed hash of each is here.

use cultivar_record::{ApiKey, ApiKeyId};

use super::{named, record_value};
use crate::{Statements, StoreError};

/// Adds a key under the hash of its text.
pub fn insert(tx: &mut dyn Statements, key: &ApiKey, key_hash: &str) -> Result<(), StoreError> {
    let values = [
        key.id.to_string().into(),
        key.organization.to_string().into(),
        key_hash.into(),
        record_value(key)?,
    ];
    tx.execute(
        "INSERT INTO api_key (id, organization, key_hash, record) VALUES ($1, $2, $3, $4)",
        &values,
    )
    .map_err(|e| named(e, "key", &key.name))?;
    Ok(())
}

/// Replaces a key's record.
pub fn update(tx: &mut dyn Statements, key: &ApiKey) -> Result<(), StoreError> {
    let changed = tx.execute(
        "UPDATE api_key SET record = $1 WHERE id = $2",
        &[record_value(key)?, key.id.to_string().into()],
    )?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "key",
            name: key.id.to_string(),
        })
    }
}

/// The key whose text has this hash.
pub fn by_hash(tx: &mut dyn Statements, key_hash: &str) -> Result<Option<ApiKey>, StoreError> {
    let rows = tx.query("SELECT record FROM api_key WHERE key_hash = $1", &[key_hash.into()])?;
    rows.first().map(|row| row.record(0)).transpose()
}

/// The key with this id.
pub fn get(tx: &mut dyn Statements, id: ApiKeyId) -> Result<ApiKey, StoreError> {
    let rows = tx.query("SELECT record FROM api_key WHERE id = $1", &[id.to_string().into()])?;
    let missing = || StoreError::NotFound {
        what: "key",
        name: id.to_string(),
    };
    rows.first().ok_or_else(missing)?.record(0)
}

/// All keys, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<ApiKey>, StoreError> {
    tx.query("SELECT record FROM api_key ORDER BY id", &[])?
        .iter()
        .map(|row| row.record(0))
        .collect()
}

/// Every key with the hash of its text.
pub fn hashes(tx: &mut dyn Statements) -> Result<Vec<(String, ApiKey)>, StoreError> {
    tx.query("SELECT key_hash, record FROM api_key", &[])?
        .iter()
        .map(|row| Ok((row.text(0)?.to_owned(), row.record(1)?)))
        .collect()
}
