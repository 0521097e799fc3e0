//! Comparisons: a plan, then results with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ComparisonId, Digest, OrganizationId, Seed, Timestamp};

/// What will be compared, on what, by which measures: fixed and in the ledger before the first answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonPlan {
    /// Its id.
    pub id: ComparisonId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The models compared, by their names at the gateway; the first is the one of interest.
    pub subjects: Vec<String>,
    /// Digest of the weights of the first subject.
    pub weights: Digest,
    /// Digest of the sealed dataset whose test split holds the reference.
    pub dataset: Digest,
    /// Conversations asked about.
    pub conversations: u64,
    /// Measures: `bits_per_byte` of whole conversations and `answer_bits_per_byte` of the assistant's turns (lower is better),
    /// `chrf` of answers against the recorded ones, 0 to 100 (higher is better).
    pub measures: Vec<String>,
    /// Confidence of the intervals, for instance 0.95.
    pub confidence: f64,
    /// Bootstrap resamples.
    pub resamples: u32,
    /// Seed of the bootstrap.
    pub seed: Seed,
    /// When.
    pub planned_at: Timestamp,
}

/// A value with its interval and the method that gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Confidence, for instance 0.95.
    pub confidence: f64,
    /// How many independent units (conversations).
    pub n: u64,
    /// The method, for instance `paired bootstrap, percentile, 10000 resamples`.
    pub method: String,
}

/// The estimates of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubjectScore {
    /// The model.
    pub subject: String,
    /// Measure to estimate.
    pub estimates: BTreeMap<String, Estimate>,
    /// Measure to the paired difference (first subject minus this one); empty for the first subject.
    pub difference_to_first: BTreeMap<String, Estimate>,
}

/// A comparison's results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The plan that was sealed first.
    pub plan: ComparisonPlan,
    /// Digest of that plan.
    pub plan_digest: Digest,
    /// Per model.
    pub scores: Vec<SubjectScore>,
    /// When.
    pub reported_at: Timestamp,
}
