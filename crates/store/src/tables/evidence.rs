//! Evidence for models in markets.

use cultivar_record::{Digest, Evidence, Market};

use super::record_value;
use crate::{Statements, StoreError};

/// Replaces the evidence for a model in a market.
pub fn put(tx: &mut dyn Statements, evidence: &Evidence) -> Result<(), StoreError> {
    let values = [
        evidence.subject.to_string().into(),
        evidence.market.as_str().into(),
        record_value(evidence)?,
    ];
    let sql = "INSERT INTO evidence (subject, market, record) VALUES ($1, $2, $3) \
               ON CONFLICT (subject, market) DO UPDATE SET record = excluded.record";
    tx.execute(sql, &values)?;
    Ok(())
}

/// The evidence for what has this digest in a market, where there is any.
pub fn of(tx: &mut dyn Statements, subject: Digest, market: &Market) -> Result<Option<Evidence>, StoreError> {
    let values = [subject.to_string().into(), market.as_str().into()];
    let rows = tx.query(
        "SELECT record FROM evidence WHERE subject = $1 AND market = $2",
        &values,
    )?;
    rows.first().map(|row| row.record(0)).transpose()
}
