//! Approvals of models in markets.

use cultivar_record::{Approval, ApprovalId};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds an approval.
pub fn insert(tx: &mut dyn Statements, approval: &Approval) -> Result<(), StoreError> {
    let values = [
        approval.id.to_string().into(),
        approval.model.as_str().into(),
        approval.market.as_str().into(),
        record_value(approval)?,
    ];
    let sql = "INSERT INTO approval (id, model, market, record) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &values)?;
    Ok(())
}

/// Replaces an approval's record.
pub fn update(tx: &mut dyn Statements, approval: &Approval) -> Result<(), StoreError> {
    let values = [record_value(approval)?, approval.id.to_string().into()];
    tx.execute("UPDATE approval SET record = $1 WHERE id = $2", &values)?;
    Ok(())
}

/// The approval with this id.
pub fn get(tx: &mut dyn Statements, id: ApprovalId) -> Result<Approval, StoreError> {
    let rows = tx.query("SELECT record FROM approval WHERE id = $1", &[id.to_string().into()])?;
    let missing = || StoreError::NotFound {
        what: "approval",
        name: id.to_string(),
    };
    rows.first().ok_or_else(missing)?.record(0)
}

/// All approvals, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Approval>, StoreError> {
    let rows = tx.query("SELECT record FROM approval ORDER BY id", &[])?;
    rows.iter().map(|row| row.record(0)).collect()
}
