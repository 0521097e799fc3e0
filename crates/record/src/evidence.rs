//! Evidence: what was collected for a model in a market, item by item, each by its digest.

use serde::{Deserialize, Serialize};

use crate::{Digest, Market, OrganizationId, Timestamp};

/// What was collected for a model in a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Whose model it is.
    pub organization: OrganizationId,
    /// Digest of what answers, as an approval names it.
    pub subject: Digest,
    /// For which market.
    pub market: Market,
    /// The items, each key once, sorted by key.
    pub items: Vec<EvidenceItem>,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// Which one, as the market's checklist names it.
    pub key: String,
    /// Digest of the file that was handed in.
    pub document: Digest,
    /// What was counted, where the checklist asks for a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Who put it down.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl EvidenceItem {
    /// The key of what an erasure puts among a model's evidence: it learned from what is erased now.
    pub const ERASURE: &str = "erasure";
}

/// What was counted in a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many were looked at.
    pub asked: u64,
    /// How many of them passed, were refused, or whatever the item counts.
    pub counted: u64,
}
