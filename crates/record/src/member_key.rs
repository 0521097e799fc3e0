//! Keys of people: the public halves with which their signatures are checked, with their history.

use serde::{Deserialize, Serialize};

use crate::{MemberId, Timestamp};

/// The public key of a person (Ed25519, RFC 8032). The secret half is with the person and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberKey {
    /// The 32 bytes, base64.
    pub public: String,
    /// From when signatures with it are taken.
    pub from: Timestamp,
    /// Until when: the moment at which another key replaced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Since when nothing that was signed with it counts: its owner lost it, or left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_since: Option<Timestamp>,
}

impl MemberKey {
    /// Whether signatures that came at this moment may be made with it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// The same key, no longer in force.
    #[must_use]
    pub fn ended(self, at: Timestamp) -> Self {
        Self {
            until: self.until.or(Some(at)),
            ..self
        }
    }

    /// The same key, with which nothing was ever signed that counts.
    #[must_use]
    pub fn voided(self, at: Timestamp) -> Self {
        Self {
            void_since: self.void_since.or(Some(at)),
            ..self.ended(at)
        }
    }
}

/// A person's signature, as it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSignature {
    /// Who signed.
    pub member: MemberId,
    /// With which public key, base64.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
    /// When it was taken: by our clock, not the signer's.
    pub at: Timestamp,
}

/// The signature of a person among several.
pub(crate) fn one_per_member(signatures: &[MemberSignature], member: MemberId) -> Option<&MemberSignature> {
    signatures.iter().find(|signature| signature.member == member)
}
