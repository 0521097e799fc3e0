//! The bytes that are signed: one line that says what kind of statement it is, and its canonical JSON (RFC 8785). With the line, a
//! signature over one kind is none over another.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cultivar_record::{ApprovalStatement, GrantStatement, OrganizationId, Timestamp, canonical_json};
use ed25519_dalek::Signature;
use serde::Serialize;

use crate::{AttestError, keys};

/// Something that people sign.
pub trait Statement: Serialize {
    /// The first line of what is signed.
    const CONTEXT: &'static str;

    /// Its id.
    fn id(&self) -> String;
    /// The version of its shape.
    fn version(&self) -> u32;
    /// Whose it is.
    fn organization(&self) -> OrganizationId;
    /// Until when it holds.
    fn expires_at(&self) -> Timestamp;
    /// Who cannot sign it, because that person asked for it.
    fn requester(&self) -> Option<&str>;
}

impl Statement for ApprovalStatement {
    const CONTEXT: &'static str = "cultivar/approval/v1";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> u32 {
        self.v
    }

    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    fn requester(&self) -> Option<&str> {
        Some(&self.requested_by)
    }
}

impl Statement for GrantStatement {
    const CONTEXT: &'static str = "cultivar/grant/v1";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> u32 {
        self.v
    }

    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    // Whoever wrote down what a contract says may vouch for it: two people who sign are four eyes.
    fn requester(&self) -> Option<&str> {
        None
    }
}

/// The bytes that are signed.
///
/// # Errors
/// `record::not_canonical`.
pub fn statement_bytes<S: Statement>(statement: &S) -> Result<Vec<u8>, AttestError> {
    Ok(format!("{}\n{}", S::CONTEXT, canonical_json(statement)?).into_bytes())
}

/// Whether a signature (base64) by a public key (base64) holds over a statement. Strict: no weak key, no second form of a signature.
pub(crate) fn verify<S: Statement>(statement: &S, public: &str, signature: &str) -> Result<(), AttestError> {
    let key = keys::public_key(public)?;
    let bytes = STANDARD.decode(signature).map_err(|_| AttestError::SignatureWrong)?;
    let signature = Signature::from_slice(&bytes).map_err(|_| AttestError::SignatureWrong)?;
    key.verify_strict(&statement_bytes(statement)?, &signature)
        .map_err(|_| AttestError::SignatureWrong)
}
