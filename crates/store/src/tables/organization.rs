//! Organisations.

use cultivar_record::{Organization, OrganizationId};

use super::{named, record_value};
use crate::{Statements, StoreError};

/// Adds an organisation.
///
/// # Errors
/// `store::exists` where the name is taken.
pub fn insert(tx: &mut dyn Statements, organization: &Organization) -> Result<(), StoreError> {
    let values = [
        organization.id.to_string().into(),
        organization.name.as_str().into(),
        record_value(organization)?,
    ];
    tx.execute(
        "INSERT INTO organization (id, name, record) VALUES ($1, $2, $3)",
        &values,
    )
    .map_err(|e| named(e, "org", &organization.name))?;
    Ok(())
}

/// Replaces an organisation's record.
pub fn update(tx: &mut dyn Statements, organization: &Organization) -> Result<(), StoreError> {
    let values = [record_value(organization)?, organization.id.to_string().into()];
    let changed = tx.execute("UPDATE organization SET record = $1 WHERE id = $2", &values)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "org",
            name: organization.id.to_string(),
        })
    }
}

/// The organisation with this id.
pub fn get(tx: &mut dyn Statements, id: OrganizationId) -> Result<Organization, StoreError> {
    let rows = tx.query(
        "SELECT record FROM organization WHERE id = $1",
        &[id.to_string().into()],
    )?;
    let missing = || StoreError::NotFound {
        what: "org",
        name: id.to_string(),
    };
    rows.first().ok_or_else(missing)?.record(0)
}

/// The organisation with this name, where there is one.
pub fn by_name(tx: &mut dyn Statements, name: &str) -> Result<Option<Organization>, StoreError> {
    let rows = tx.query("SELECT record FROM organization WHERE name = $1", &[name.into()])?;
    rows.first().map(|row| row.record(0)).transpose()
}

/// All organisations, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Organization>, StoreError> {
    tx.query("SELECT record FROM organization ORDER BY id", &[])?
        .iter()
        .map(|row| row.record(0))
        .collect()
}
