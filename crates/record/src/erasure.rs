//! Erasures: which exchanges lost their text, their salts and what led back to a person, why, and who decided it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{DatasetId, Digest, ErasureId, ExchangeId, LeafIndex, OrganizationId, RecordError, Split, Timestamp};

/// The class of reason for an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureReason {
    /// The person whom the data is about asked for it (GDPR, article 17).
    PersonAsked,
    /// The agreement with the organisation ended, or asks for it.
    Contract,
    /// It was kept for as long as it was to be kept.
    RetentionEnded,
    /// It should not have been recorded.
    Unlawful,
    /// An authority or a court ordered it.
    Ordered,
}

impl ErasureReason {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::PersonAsked,
        Self::Contract,
        Self::RetentionEnded,
        Self::Unlawful,
        Self::Ordered,
    ];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PersonAsked => "person-asked",
            Self::Contract => "contract",
            Self::RetentionEnded => "retention-ended",
            Self::Unlawful => "unlawful",
            Self::Ordered => "ordered",
        }
    }
}

impl fmt::Display for ErasureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErasureReason {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        found.ok_or_else(|| {
            let names = "person-asked, contract, retention-ended, unlawful or ordered";
            RecordError::malformed("reason", text, "no such reason", names)
        })
    }
}

/// An exchange that was erased, and where the ledger holds what it committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedExchange {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Where the ledger holds its intent.
    pub intent_leaf: LeafIndex,
    /// Where the ledger holds its outcome.
    pub outcome_leaf: Option<LeafIndex>,
}

/// An erasure: what the tombstone in the ledger commits to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// Whose exchanges.
    pub organization: OrganizationId,
    /// What was erased.
    pub exchanges: Vec<ErasedExchange>,
    /// Why, as a class.
    pub reason: ErasureReason,
    /// Digest of the legal basis, as it was worded.
    pub basis: Digest,
    /// Who decided it.
    pub by: String,
    /// When it was ordered.
    pub at: Timestamp,
    /// The sealed datasets that lost rows, once all is destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<MarkedDataset>,
    /// The models that learned from those rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<MarkedModel>,
}

/// A sealed dataset that lost rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedDataset {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The digest of its manifest, which stays what it was.
    pub seal: Digest,
    /// How many rows are gone since it was sealed.
    pub rows: u64,
    /// The digest of each part as it is now.
    pub splits: BTreeMap<Split, Digest>,
}

/// A model that learned from rows that are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedModel {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: u32,
    /// The digest of its pedigree, as approvals name it.
    pub subject: Digest,
}
