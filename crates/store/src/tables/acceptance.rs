//! Which terms an organisation has accepted.

use cultivar_record::Acceptance;

use super::record_value;
use crate::{Statements, StoreError};

/// Records an acceptance. Accepting the same row again changes nothing; returns whether it was new.
pub fn insert(tx: &mut dyn Statements, acceptance: &Acceptance) -> Result<bool, StoreError> {
    let values = [
        acceptance.organization.to_string().into(),
        acceptance.terms.as_str().into(),
        acceptance.digest.to_string().into(),
        record_value(acceptance)?,
    ];
    let sql =
        "INSERT INTO acceptance (organization, terms, digest, record) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    Ok(tx.execute(sql, &values)? == 1)
}

/// All acceptances.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Acceptance>, StoreError> {
    let rows = tx.query(
        "SELECT record FROM acceptance ORDER BY organization, terms, digest",
        &[],
    )?;
    rows.iter().map(|row| row.record(0)).collect()
}
