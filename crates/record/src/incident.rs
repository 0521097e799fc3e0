//! Incidents: a provider says that our own account is warned or disabled.

use serde::{Deserialize, Serialize};

use crate::{ExchangeId, IncidentId, OrganizationId, Timestamp};

/// A provider's sign that our own account there is warned or disabled. While it is open, the provider is not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Whose data directory.
    pub organization: OrganizationId,
    /// The provider, by name.
    pub provider: String,
    /// Which sign it gave: a code of ours, never its words.
    pub sign: String,
    /// The exchange in which it gave it.
    pub exchange: ExchangeId,
    /// Its HTTP status.
    pub status: u16,
    /// When.
    pub at: Timestamp,
    /// When a person closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Who closed it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
}
