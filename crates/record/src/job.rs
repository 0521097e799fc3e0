//! Jobs: units of background work, kept in the database so that a killed process can go on.

use serde::{Deserialize, Serialize};

use crate::{JobId, OrganizationId, Timestamp};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// A worker has it, or had it when the process died.
    Running,
    /// Done.
    Done,
    /// It failed and will not be tried again.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl JobState {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A unit of background work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What kind, for instance `build`.
    pub kind: String,
    /// What to do, as canonical JSON.
    pub payload: serde_json::Value,
    /// Where it stands.
    pub state: JobState,
    /// How often it was taken up.
    pub attempts: u32,
    /// Why it failed: a stable code and a message, never text of users.
    pub error: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}
