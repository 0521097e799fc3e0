//! Datasets: sealed and versioned by digest.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    ByteCount, ConversationId, DatasetId, Digest, ExchangeId, OrganizationId, RecordError, TermsKey, Timestamp,
    VerdictId, chat::Message,
};

/// The part of a dataset that an example belongs to. A conversation never crosses parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The student learns from it.
    Train,
    /// The run watches it.
    Validation,
    /// The comparison asks about it.
    Test,
}

impl Split {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The name, also of the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Split {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|split| split.as_str() == text)
            .ok_or_else(|| RecordError::malformed("split", text, "no such split", "train, validation or test"))
    }
}

/// One row: a whole conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
    /// The exchanges that it was made from.
    pub exchanges: Vec<ExchangeId>,
    /// The terms that bind those exchanges, sorted, each once.
    pub terms: Vec<TermsKey>,
}

/// Exchanges with one provider under one version of terms, and the verdict that let them in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeSet {
    /// The provider, by name.
    pub provider: String,
    /// The model at the provider.
    pub provider_model: String,
    /// The terms in force.
    pub terms: TermsKey,
    /// Digest of their facts.
    pub terms_digest: Digest,
    /// How many exchanges.
    pub exchanges: u64,
    /// Digest of the sorted exchange ids, as a canonical JSON array.
    pub digest: Digest,
    /// The verdict that permitted training on them.
    pub verdict: VerdictId,
}

/// What was left out and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// A stable code: `near_duplicate`, `not_permitted`, `incomplete` …
    pub reason: String,
    /// How many conversations.
    pub conversations: u64,
}

/// One part of a sealed dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSummary {
    /// Conversations.
    pub examples: u64,
    /// Bytes of message text.
    pub text: ByteCount,
    /// Digest of the file.
    pub digest: Digest,
}

/// A sealed dataset: its manifest. The dataset's digest is the digest of this manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// The parts.
    pub splits: BTreeMap<Split, SplitSummary>,
    /// Where it comes from.
    pub sources: Vec<ExchangeSet>,
    /// What was left out.
    pub dropped: Vec<Dropped>,
    /// Digest of the exchange sets and settings that it was made from: the same input is not sealed twice.
    pub made_from: Digest,
    /// Digest of the desensitisation report that lies beside the manifest.
    pub privacy_report: Digest,
    /// When it was sealed.
    pub sealed_at: Timestamp,
}
