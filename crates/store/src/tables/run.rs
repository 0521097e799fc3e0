//! Training runs.

use cultivar_record::{Run, RunState};

use super::record_value;
use crate::{Statements, StoreError};

const fn state(run: &Run) -> &'static str {
    match run.state {
        RunState::Running => "running",
        RunState::Done => "done",
        RunState::Failed => "failed",
    }
}

/// Adds a run.
pub fn insert(tx: &mut dyn Statements, run: &Run) -> Result<(), StoreError> {
    let values = [
        run.id.to_string().into(),
        run.model.as_str().into(),
        state(run).into(),
        record_value(run)?,
    ];
    tx.execute(
        "INSERT INTO run (id, model, state, record) VALUES ($1, $2, $3, $4)",
        &values,
    )?;
    Ok(())
}

/// Replaces a run's record.
pub fn update(tx: &mut dyn Statements, run: &Run) -> Result<(), StoreError> {
    let values = [state(run).into(), record_value(run)?, run.id.to_string().into()];
    let changed = tx.execute("UPDATE run SET state = $1, record = $2 WHERE id = $3", &values)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "run",
            name: run.id.to_string(),
        })
    }
}

/// The runs of a model, oldest first.
pub fn of_model(tx: &mut dyn Statements, model: &str) -> Result<Vec<Run>, StoreError> {
    let rows = tx.query("SELECT record FROM run WHERE model = $1 ORDER BY id", &[model.into()])?;
    rows.iter().map(|row| row.record(0)).collect()
}

/// All runs, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Run>, StoreError> {
    tx.query("SELECT record FROM run ORDER BY id", &[])?
        .iter()
        .map(|row| row.record(0))
        .collect()
}
