//! Grants: contracts that waive facts of some terms, signed by two people of the organisation.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, FactName, GrantId, Market, MemberId, MemberSignature, OrganizationId, TermsKey, Timestamp, UseAction,
    Withdrawal, member_key::one_per_member,
};

/// What people sign about a contract. Every field is under the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantStatement {
    /// Version of this shape.
    pub v: u32,
    /// The grant's id: a statement never comes back after it was revoked.
    pub id: GrantId,
    /// To whom the party grants.
    pub organization: OrganizationId,
    /// Who grants, as the register names the party of the terms.
    pub party: String,
    /// The clause of the contract.
    pub clause: String,
    /// Digest of the contract's file.
    pub document: Digest,
    /// The facts that it waives: they are read as `yes`.
    pub waives: Vec<FactName>,
    /// The rows of terms whose facts those are.
    pub terms: Vec<TermsKey>,
    /// The party's models whose answers it covers, by their names at the provider.
    pub models: Vec<String>,
    /// For which uses.
    pub purposes: Vec<UseAction>,
    /// For which markets: of the organisation that trains, of the model that is released.
    pub markets: Vec<Market>,
    /// Who wrote the statement.
    pub drafted_by: String,
    /// When.
    pub drafted_at: Timestamp,
    /// Until when the contract runs.
    pub expires_at: Timestamp,
}

/// A statement with the signatures of people. Two different ones are needed before it waives anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What was signed.
    pub statement: GrantStatement,
    /// Who signed, each person once.
    pub signatures: Vec<MemberSignature>,
    /// When it was revoked, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Withdrawal>,
}

impl Grant {
    /// Whether this person signed it.
    pub fn is_signed_by(&self, member: MemberId) -> bool {
        one_per_member(&self.signatures, member).is_some()
    }
}
