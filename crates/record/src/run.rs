//! Runs and their checkpoints.

use serde::{Deserialize, Serialize};

use crate::{Digest, LeafIndex, OrganizationId, RunId, Timestamp};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It trains, or was interrupted and will go on from its last checkpoint.
    Running,
    /// It ended as the recipe asked.
    Done,
    /// It cannot go on.
    Failed,
}

/// A training run: what was asked, on what, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The name of the model that it makes.
    pub model: String,
    /// Digest of the sealed dataset's manifest.
    pub dataset: Digest,
    /// Digest of the recipe, as canonical JSON.
    pub recipe: Digest,
    /// Where it stands.
    pub state: RunState,
    /// The last step with a checkpoint.
    pub step: u64,
    /// The weights' digest, once done.
    pub weights: Option<Digest>,
    /// Where the ledger holds the end of the run, once done.
    pub end_leaf: Option<LeafIndex>,
    /// Since when.
    pub started_at: Timestamp,
    /// Until when.
    pub ended_at: Option<Timestamp>,
}

/// Weights at a step: the manifest of a checkpoint folder, written last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Version of this shape.
    pub v: u32,
    /// The step after which it was taken.
    pub step: u64,
    /// Seconds of training so far.
    pub trained_seconds: f64,
    /// Tokens seen so far.
    pub tokens: u64,
    /// Digest of `model.safetensors`.
    pub weights: Digest,
    /// Digest of `optimizer.safetensors`.
    pub optimizer: Digest,
    /// Digest of the run's settings: a checkpoint of another run is refused.
    pub settings: Digest,
}
