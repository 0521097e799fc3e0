//! Approvals of models in markets, and those of before approvals were signed.

use cultivar_record::{Approval, ApprovalId, UnsignedApproval};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds an approval, or replaces the record of the one with its id.
pub fn put(tx: &mut dyn Statements, approval: &Approval) -> Result<(), StoreError> {
    let statement = &approval.statement;
    let values = [
        statement.id.to_string().into(),
        statement.model.as_str().into(),
        statement.market.as_str().into(),
        record_value(approval)?,
    ];
    let sql = "INSERT INTO approval (id, model, market, record) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (id) DO UPDATE SET record = excluded.record";
    tx.execute(sql, &values)?;
    Ok(())
}

/// The approval with this id, where there is one.
pub fn by_id(tx: &mut dyn Statements, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
    let rows = tx.query("SELECT record FROM approval WHERE id = $1", &[id.to_string().into()])?;
    rows.first().map(|row| row.record(0)).transpose()
}

/// All approvals, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Approval>, StoreError> {
    let rows = tx.query("SELECT record FROM approval ORDER BY id", &[])?;
    rows.iter().map(|row| row.record(0)).collect()
}

/// What was recorded before approvals were signed, oldest first.
pub fn unsigned(tx: &mut dyn Statements) -> Result<Vec<UnsignedApproval>, StoreError> {
    let rows = tx.query("SELECT record FROM unsigned_approval ORDER BY id", &[])?;
    rows.iter().map(|row| row.record(0)).collect()
}
