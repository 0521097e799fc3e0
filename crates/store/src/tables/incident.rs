//! Incidents with providers.

use cultivar_record::{Incident, IncidentId};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds an incident.
pub fn insert(tx: &mut dyn Statements, incident: &Incident) -> Result<(), StoreError> {
    let values = [
        incident.id.to_string().into(),
        incident.provider.as_str().into(),
        record_value(incident)?,
    ];
    tx.execute(
        "INSERT INTO incident (id, provider, record) VALUES ($1, $2, $3)",
        &values,
    )?;
    Ok(())
}

/// Replaces an incident's record.
pub fn update(tx: &mut dyn Statements, incident: &Incident) -> Result<(), StoreError> {
    let values = [record_value(incident)?, incident.id.to_string().into()];
    tx.execute("UPDATE incident SET record = $1 WHERE id = $2", &values)?;
    Ok(())
}

/// The incident with this id.
pub fn get(tx: &mut dyn Statements, id: IncidentId) -> Result<Incident, StoreError> {
    let rows = tx.query("SELECT record FROM incident WHERE id = $1", &[id.to_string().into()])?;
    let missing = || StoreError::NotFound {
        what: "incident",
        name: id.to_string(),
    };
    rows.first().ok_or_else(missing)?.record(0)
}

/// All incidents, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Incident>, StoreError> {
    let rows = tx.query("SELECT record FROM incident ORDER BY id", &[])?;
    rows.iter().map(|row| row.record(0)).collect()
}
