//! Verdicts: a decision about a use, with its reasons.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Fact, FactName, GrantId, OrganizationId, TermsKey, Timestamp, VerdictId, Waived};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseAction {
    /// Ask a model and show the answer.
    Infer,
    /// Ask a model and keep the answer for a dataset.
    Collect,
    /// Train a model on recorded answers or imported data.
    Train,
    /// Score models on answers.
    Evaluate,
    /// Publish a dataset.
    PublishDataset,
    /// Offer a model in a market.
    Release,
    /// Let a person read recorded content.
    ReadContent,
}

impl UseAction {
    /// Every action.
    pub const ALL: [Self; 7] = [
        Self::Infer,
        Self::Collect,
        Self::Train,
        Self::Evaluate,
        Self::PublishDataset,
        Self::Release,
        Self::ReadContent,
    ];

    /// The name in the Cedar schema.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Infer => "Infer",
            Self::Collect => "Collect",
            Self::Train => "Train",
            Self::Evaluate => "Evaluate",
            Self::PublishDataset => "PublishDataset",
            Self::Release => "Release",
            Self::ReadContent => "ReadContent",
        }
    }
}

impl fmt::Display for UseAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Permit or forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Go on.
    Permit,
    /// Do not.
    Forbid,
}

/// One policy that determined the decision, the fact that it read and the clause behind the fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The policy's id, for instance `train.competing`.
    pub policy: String,
    /// The fact that it read.
    pub fact: Option<FactName>,
    /// What the terms say.
    pub value: Option<Fact>,
    /// The clause, as the register names it.
    pub clause: Option<String>,
    /// What to do instead.
    pub advice: Option<String>,
    /// Whose terms, where several rows bind together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsKey>,
}

/// The answer to one request about one row of terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Its id.
    pub id: VerdictId,
    /// Who asked.
    pub organization: OrganizationId,
    /// What for.
    pub action: UseAction,
    /// The answer.
    pub decision: Decision,
    /// Why: every determining policy; where no policy permits, one reason with the policy `default.deny`.
    pub reasons: Vec<Reason>,
    /// The terms asked about.
    pub terms: TermsKey,
    /// Digest of those terms' facts.
    pub terms_digest: Digest,
    /// Digest of the policies and schema in force.
    pub policies: Digest,
    /// What contracts waived of those facts when it was decided.
    #[serde(default, skip_serializing_if = "Waived::is_empty")]
    pub waived: Waived,
    /// The contracts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantId>,
    /// When.
    pub at: Timestamp,
}

impl Verdict {
    /// Whether the use may go on.
    pub fn permits(&self) -> bool {
        self.decision == Decision::Permit
    }

    /// The first reason that forbids, where there is one.
    pub fn first_reason(&self) -> Option<&Reason> {
        self.reasons.first()
    }
}
