//! Registered providers.

use cultivar_record::Provider;

use super::{named, record_value};
use crate::{Statements, StoreError};

/// Adds a provider.
///
/// # Errors
/// `store::exists` where its name or its model is taken.
pub fn insert(tx: &mut dyn Statements, provider: &Provider) -> Result<(), StoreError> {
    let values = [
        provider.id.to_string().into(),
        provider.name.as_str().into(),
        provider.model.as_str().into(),
        record_value(provider)?,
    ];
    tx.execute(
        "INSERT INTO provider (id, name, model, record) VALUES ($1, $2, $3, $4)",
        &values,
    )
    .map_err(|e| named(e, "provider", &provider.name))?;
    Ok(())
}

/// Replaces the record of the provider with the same name.
///
/// # Errors
/// `store::exists` where another provider has its model, `store::not_found`.
pub fn update(tx: &mut dyn Statements, provider: &Provider) -> Result<(), StoreError> {
    let values = [
        provider.model.as_str().into(),
        record_value(provider)?,
        provider.name.as_str().into(),
    ];
    let changed = tx
        .execute("UPDATE provider SET model = $1, record = $2 WHERE name = $3", &values)
        .map_err(|e| named(e, "provider", &provider.name))?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "provider",
            name: provider.name.clone(),
        })
    }
}

/// Removes a provider; its exchanges stay.
pub fn remove(tx: &mut dyn Statements, name: &str) -> Result<(), StoreError> {
    let changed = tx.execute("DELETE FROM provider WHERE name = $1", &[name.into()])?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "provider",
            name: name.to_owned(),
        })
    }
}

/// The provider with this name.
pub fn by_name(tx: &mut dyn Statements, name: &str) -> Result<Option<Provider>, StoreError> {
    let rows = tx.query("SELECT record FROM provider WHERE name = $1", &[name.into()])?;
    rows.first().map(|row| row.record(0)).transpose()
}

/// All providers, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Provider>, StoreError> {
    tx.query("SELECT record FROM provider ORDER BY id", &[])?
        .iter()
        .map(|row| row.record(0))
        .collect()
}
