//! Organisations, their projects and their members.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Limit, Market, MemberId, MemberKey, OrganizationId, ProjectId, RecordError, Timestamp};

/// An organisation's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In good standing.
    #[default]
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
    /// Every standing, from best to worst.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Warned,
        Self::Limited,
        Self::Suspended,
        Self::Terminated,
    ];

    /// Whether requests are answered at all.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Active | Self::Warned | Self::Limited)
    }

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Warned => "warned",
            Self::Limited => "limited",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Standing {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|standing| standing.as_str() == text);
        found.ok_or_else(|| {
            RecordError::malformed(
                "standing",
                text,
                "no such standing",
                "active, warned, limited, suspended or terminated",
            )
        })
    }
}

/// How much of a conversation is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// Requests and answers as they were.
    #[default]
    Full,
    /// Requests and answers with personal data replaced.
    Masked,
    /// Digests alone: nothing can be read again, and nothing can train.
    HashesOnly,
}

impl Retention {
    /// Every kind of retention.
    pub const ALL: [Self; 3] = [Self::Full, Self::Masked, Self::HashesOnly];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Masked => "masked",
            Self::HashesOnly => "hashes-only",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    const fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Retention {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|retention| retention.as_str() == text);
        found.ok_or_else(|| {
            RecordError::malformed("retention", text, "no such retention", "full, masked or hashes-only")
        })
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
    /// The case that led to its standing, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,
    /// What all its keys together may use.
    #[serde(default, skip_serializing_if = "Limit::is_none")]
    pub limit: Limit,
    /// How much of its conversations is kept.
    #[serde(default, skip_serializing_if = "Retention::is_full")]
    pub retention: Retention,
    /// Where storing and processing must happen, where that is restricted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residency: Vec<Market>,
    /// Where alerts about its spending are sent: an HTTP address of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_url: Option<String>,
}

/// What stands beside an error where a case exists: enough for a person to find out and to object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforcement {
    /// The case.
    pub case_id: String,
    /// Why, in words for the organisation.
    pub reason: String,
    /// Until when the measure holds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Where to object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_url: Option<String>,
}

/// A part of an organisation with keys, a market and limits of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name, unique in the organisation.
    pub name: String,
    /// The market from which it asks; the organisation's where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// What all its keys together may use.
    #[serde(default, skip_serializing_if = "Limit::is_none")]
    pub limit: Limit,
    /// The Ed25519 public key, base64, of the application that may say in which market its users are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_key: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was archived: its keys are no longer served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Timestamp>,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Everything, members included.
    Owner,
    /// Keys, projects and limits.
    Administrator,
    /// Accepts terms and grants approvals.
    Approver,
    /// Reads usage and records of calls, no content.
    Auditor,
    /// Answers for what contracts and laws say.
    Legal,
    /// Answers for personal data.
    Privacy,
    /// Answers for what a model may do to people.
    Safety,
}

impl MemberRole {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Owner,
        Self::Administrator,
        Self::Approver,
        Self::Auditor,
        Self::Legal,
        Self::Privacy,
        Self::Safety,
    ];

    /// Whether who holds it may sign approvals and grants.
    pub const fn signs(self) -> bool {
        matches!(
            self,
            Self::Owner | Self::Approver | Self::Legal | Self::Privacy | Self::Safety
        )
    }

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Legal => "legal",
            Self::Privacy => "privacy",
            Self::Safety => "safety",
        }
    }
}

impl fmt::Display for MemberRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MemberRole {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| {
            RecordError::malformed(
                "role",
                text,
                "no such role",
                "owner, administrator, approver, auditor, legal, privacy or safety",
            )
        })
    }
}

/// A person of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Of which organisation.
    pub organization: OrganizationId,
    /// The person's name, unique in the organisation, as it stands in records.
    pub name: String,
    /// What the person may do.
    pub roles: Vec<MemberRole>,
    /// Since when.
    pub created_at: Timestamp,
    /// When the person left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// The keys with which the person's signatures are checked, oldest first: the last one is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<MemberKey>,
}
