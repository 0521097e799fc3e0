//! Approvals: decisions that a model of our own may be offered in a market.

use serde::{Deserialize, Serialize};

use crate::{ApprovalId, Market, OrganizationId, Timestamp};

/// A decision that a model may be offered in a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Whose model it is.
    pub organization: OrganizationId,
    /// The model, by its name at the gateway.
    pub model: String,
    /// Where it may be offered.
    pub market: Market,
    /// Who decided, as that person or authority is named in records.
    pub granted_by: String,
    /// On which ground: the number of a decision, the name of a document.
    pub reference: String,
    /// When.
    pub at: Timestamp,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl Approval {
    /// Whether it holds at a moment.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|until| now < until)
    }
}
