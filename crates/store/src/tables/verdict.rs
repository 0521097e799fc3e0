//! Verdicts.

use cultivar_record::{Verdict, VerdictId};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds a verdict.
pub fn insert(tx: &mut dyn Statements, verdict: &Verdict) -> Result<(), StoreError> {
    let values = [
        verdict.id.to_string().into(),
        verdict.organization.to_string().into(),
        verdict.action.as_str().into(),
        if verdict.permits() { "permit" } else { "forbid" }.into(),
        record_value(verdict)?,
    ];
    let sql = "INSERT INTO verdict (id, organization, action, decision, record) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(sql, &values)?;
    Ok(())
}

/// The verdict with this id.
pub fn get(tx: &mut dyn Statements, id: VerdictId) -> Result<Verdict, StoreError> {
    let rows = tx.query("SELECT record FROM verdict WHERE id = $1", &[id.to_string().into()])?;
    let missing = || StoreError::NotFound {
        what: "verdict",
        name: id.to_string(),
    };
    rows.first().ok_or_else(missing)?.record(0)
}
