//! What was done, in counts: the report that lies beside a dataset. It holds no value and no part of one.

use cultivar_record::Digest;
use serde::{Deserialize, Serialize};

use crate::{Kind, Strength};

/// The desensitisation of a set of conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyReport {
    /// Digest of the detectors, the surrogates and the rules for overlaps: of their source text.
    pub method: Digest,
    /// Name of the key of the surrogates; equal names mean that surrogates can be compared.
    pub key: String,
    /// Conversations read.
    pub conversations: u64,
    /// Messages read.
    pub messages: u64,
    /// What was replaced, by kind, detector and strength, each once.
    pub counts: Vec<DetectorCount>,
    /// The second look at the result.
    pub verification: Verification,
    /// What is known about what was missed.
    pub recall: String,
}

/// How often a detector's findings were replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorCount {
    /// What was found.
    pub kind: Kind,
    /// By which detector.
    pub detector: String,
    /// On what grounds.
    pub strength: Strength,
    /// How often it was replaced.
    pub replaced: u64,
}

/// Each text is scanned again after replacement; nothing but our own surrogates may be found, else the text is not handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Texts scanned again.
    pub texts: u64,
    /// Surrogates of ours that were found.
    pub surrogates: u64,
    /// Values that only the second look found; they were replaced as well and are in the counts.
    pub second_look: u64,
}

/// Said in every report: no figure here speaks of what was not found.
pub(crate) const RECALL: &str = "recall was not measured on your data";

impl PrivacyReport {
    /// Values replaced, over all kinds.
    pub fn replaced(&self) -> u64 {
        self.counts.iter().map(|count| count.replaced).sum()
    }
}
