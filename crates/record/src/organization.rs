//! Organisations and their credentials.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, Market, OrganizationId, RecordError, Timestamp};

/// An organisation's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In good standing.
    Active,
    /// Told of a problem; nothing is withheld.
    Warned,
    /// Served less than before.
    Limited,
    /// Not served while a case is investigated.
    Suspended,
    /// No longer served.
    Terminated,
}

impl Standing {
    /// Whether requests are answered at all.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Active | Self::Warned | Self::Limited)
    }
}

/// What a key was issued for. A purpose is declared when the key is made and cannot be changed by a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Answer people.
    Serve,
    /// Collect answers for a dataset.
    Collect,
    /// Score models against each other.
    Evaluate,
}

impl Purpose {
    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Collect => "collect",
            Self::Evaluate => "evaluate",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Serve, Self::Collect, Self::Evaluate]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or_else(|| RecordError::malformed("purpose", text, "no such purpose", "serve, collect or evaluate"))
    }
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, unique in the data directory.
    pub name: String,
    /// The market from which it asks.
    pub market: Market,
    /// Its state.
    pub standing: Standing,
    /// Since when.
    pub created_at: Timestamp,
}

/// A credential. The key itself is shown once and never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// A name for people.
    pub name: String,
    /// The visible beginning of the key.
    pub prefix: String,
    /// What it may be used for.
    pub purpose: Purpose,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
