//! Approvals: people sign that a model of our own may be offered in a market. A signature is over digests, so an approval is void
//! once what it was given for is another thing.

use serde::{Deserialize, Serialize};

use crate::{
    ApprovalId, Digest, Market, MemberId, MemberRole, MemberSignature, OrganizationId, Timestamp,
    member_key::one_per_member,
};

/// What people sign. Every field is under the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStatement {
    /// Version of this shape.
    pub v: u32,
    /// The approval's id: a statement is signed once by each person, and never comes back after it was withdrawn.
    pub id: ApprovalId,
    /// Whose model it is.
    pub organization: OrganizationId,
    /// The model, by its name at the gateway.
    pub model: String,
    /// Digest of what answers: of the published version's pedigree, which holds that of the weights.
    pub subject: Digest,
    /// Where it may be offered.
    pub market: Market,
    /// Digest of the evidence that was there.
    pub evidence: Digest,
    /// Digest of the policies in force.
    pub policies: Digest,
    /// Whether the model competes with those whose answers it learned from. `false` is a finding, and the signers make it.
    pub competes: bool,
    /// Whether commercial use is intended.
    pub commercial: bool,
    /// What the terms of its ancestors ask for and the signers find to be done.
    pub fulfils: Vec<DutyKind>,
    /// Who asked, by the name of a member: that person's own signature does not count.
    pub requested_by: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Until when it holds.
    pub expires_at: Timestamp,
}

/// Duties by kind: what the terms of a model's ancestors can ask for where it is offered, and people have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyKind {
    /// Give the notices and the names.
    Attribution,
    /// Pass restrictions on in the model's licence.
    FlowDown,
    /// License the model alike.
    ShareAlike,
    /// Stay below the users or the revenue at which the terms end.
    Caps,
}

impl DutyKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Attribution, Self::FlowDown, Self::ShareAlike, Self::Caps];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attribution => "attribution",
            Self::FlowDown => "flow_down",
            Self::ShareAlike => "share_alike",
            Self::Caps => "caps",
        }
    }
}

/// A statement with the signatures of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What was signed.
    pub statement: ApprovalStatement,
    /// Who signed, in the order in which the signatures came; each person once.
    pub signatures: Vec<MemberSignature>,
    /// When it was withdrawn, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
}

/// The end of an approval or of a grant before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom, as that person is named in records.
    pub by: String,
}

impl Approval {
    /// Whether this person signed it.
    pub fn is_signed_by(&self, member: MemberId) -> bool {
        one_per_member(&self.signatures, member).is_some()
    }
}

/// An approval as it was recorded before approvals were signed. It opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsignedApproval {
    /// Its id.
    pub id: ApprovalId,
    /// Whose model it is.
    pub organization: OrganizationId,
    /// The model, by its name at the gateway.
    pub model: String,
    /// Where it was said to be offered.
    pub market: Market,
    /// Who was said to have decided.
    pub granted_by: String,
    /// On which ground.
    pub reference: String,
    /// When.
    pub at: Timestamp,
    /// Until when it was said to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// Whose signatures an approval needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// How many different people must sign. Who asked is not among them.
    #[serde(default = "Quorum::fewest")]
    pub people: usize,
    /// Roles of which each must be held by somebody who signs.
    #[serde(default)]
    pub roles: Vec<MemberRole>,
    /// How many days an approval holds at most.
    #[serde(default = "Quorum::days")]
    pub longest_days: u32,
}

impl Quorum {
    /// Four eyes: fewer people never suffice, whatever a file says.
    pub const FEWEST: usize = 2;
    /// A year.
    const DAYS: u32 = 365;

    const fn fewest() -> usize {
        Self::FEWEST
    }

    const fn days() -> u32 {
        Self::DAYS
    }
}

impl Default for Quorum {
    fn default() -> Self {
        Self {
            people: Self::FEWEST,
            roles: Vec::new(),
            longest_days: Self::DAYS,
        }
    }
}
