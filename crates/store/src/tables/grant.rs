//! Grants: contracts that waive facts of terms.

use cultivar_record::{Grant, GrantId};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds a grant, or replaces the record of the one with its id.
pub fn put(tx: &mut dyn Statements, grant: &Grant) -> Result<(), StoreError> {
    let statement = &grant.statement;
    let values = [
        statement.id.to_string().into(),
        statement.party.as_str().into(),
        record_value(grant)?,
    ];
    let sql = "INSERT INTO signed_grant (id, party, record) VALUES ($1, $2, $3) \
               ON CONFLICT (id) DO UPDATE SET record = excluded.record";
    tx.execute(sql, &values)?;
    Ok(())
}

/// The grant with this id, where there is one.
pub fn by_id(tx: &mut dyn Statements, id: GrantId) -> Result<Option<Grant>, StoreError> {
    let rows = tx.query(
        "SELECT record FROM signed_grant WHERE id = $1",
        &[id.to_string().into()],
    )?;
    rows.first().map(|row| row.record(0)).transpose()
}

/// All grants, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Grant>, StoreError> {
    let rows = tx.query("SELECT record FROM signed_grant ORDER BY id", &[])?;
    rows.iter().map(|row| row.record(0)).collect()
}
