//! Which terms an organisation has accepted.

use cultivar_record::Acceptance;

use super::record_value;
use crate::{Statements, StoreError};

/// Records an acceptance; one of the same row and version by the same organisation is replaced.
pub fn put(tx: &mut dyn Statements, acceptance: &Acceptance) -> Result<(), StoreError> {
    let values = [
        acceptance.organization.to_string().into(),
        acceptance.terms.as_str().into(),
        acceptance.digest.to_string().into(),
        record_value(acceptance)?,
    ];
    let sql = "INSERT INTO acceptance (organization, terms, digest, record) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (organization, terms, digest) DO UPDATE SET record = excluded.record";
    tx.execute(sql, &values)?;
    Ok(())
}

/// All acceptances.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Acceptance>, StoreError> {
    let rows = tx.query(
        "SELECT record FROM acceptance ORDER BY organization, terms, digest",
        &[],
    )?;
    rows.iter().map(|row| row.record(0)).collect()
}
