//! Jobs. A worker claims the oldest queued one; what a killed process had in hand is queued again at the next start.

use cultivar_record::{Job, JobId, JobState, Timestamp};

use super::record_value;
use crate::{Statements, StoreError};

/// Adds a job.
pub fn insert(tx: &mut dyn Statements, job: &Job) -> Result<(), StoreError> {
    let values = [
        job.id.to_string().into(),
        job.organization.to_string().into(),
        job.kind.as_str().into(),
        job.state.as_str().into(),
        record_value(job)?,
    ];
    tx.execute(
        "INSERT INTO job (id, organization, kind, state, record) VALUES ($1, $2, $3, $4, $5)",
        &values,
    )?;
    Ok(())
}

/// Replaces a job's record.
pub fn update(tx: &mut dyn Statements, job: &Job) -> Result<(), StoreError> {
    let values = [job.state.as_str().into(), record_value(job)?, job.id.to_string().into()];
    let changed = tx.execute("UPDATE job SET state = $1, record = $2 WHERE id = $3", &values)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(StoreError::NotFound {
            what: "job",
            name: job.id.to_string(),
        })
    }
}

/// The job with this id.
pub fn get(tx: &mut dyn Statements, id: JobId) -> Result<Job, StoreError> {
    let rows = tx.query("SELECT record FROM job WHERE id = $1", &[id.to_string().into()])?;
    rows.first()
        .ok_or_else(|| StoreError::NotFound {
            what: "job",
            name: id.to_string(),
        })?
        .record(0)
}

/// Takes up the oldest queued job of a kind.
pub fn claim(tx: &mut dyn Statements, kind: &str, now: Timestamp) -> Result<Option<Job>, StoreError> {
    let sql = "SELECT record FROM job WHERE kind = $1 AND state = 'queued' ORDER BY id LIMIT 1";
    let Some(row) = tx.query(sql, &[kind.into()])?.into_iter().next() else {
        return Ok(None);
    };
    let job: Job = row.record(0)?;
    let claimed = Job {
        state: JobState::Running,
        attempts: job.attempts + 1,
        updated_at: now,
        ..job
    };
    update(tx, &claimed)?;
    Ok(Some(claimed))
}

/// Queues again what was under way when a process died; returns how many jobs.
pub fn requeue_running(tx: &mut dyn Statements, now: Timestamp) -> Result<usize, StoreError> {
    let rows = tx.query("SELECT record FROM job WHERE state = 'running' ORDER BY id", &[])?;
    for row in &rows {
        let job: Job = row.record(0)?;
        update(
            tx,
            &Job {
                state: JobState::Queued,
                updated_at: now,
                ..job
            },
        )?;
    }
    Ok(rows.len())
}

/// All jobs, oldest first.
pub fn list(tx: &mut dyn Statements) -> Result<Vec<Job>, StoreError> {
    tx.query("SELECT record FROM job ORDER BY id", &[])?
        .iter()
        .map(|row| row.record(0))
        .collect()
}
