//! Who signed, and whether that counts: a member who is there, with a role that signs, by a key that was in force when the
//! signature came.

use cultivar_record::{Member, MemberRole, MemberSignature, Timestamp};

use crate::{AttestError, Statement, statement::verify};

/// Checks a signature that is handed in now and says what is to be kept of it.
///
/// # Errors
/// Why it does not count; `attest::replayed` where the person has signed already.
pub fn take_signature<S: Statement>(
    statement: &S,
    taken: &[MemberSignature],
    members: &[Member],
    (public, signature): (&str, &str),
    now: Timestamp,
) -> Result<MemberSignature, AttestError> {
    let key = crate::public_key_text(&crate::public_key(public)?);
    let unknown = || AttestError::UnknownSigner { key: key.clone() };
    let has_key = |member: &&Member| {
        member.organization == statement.organization() && member.keys.iter().any(|known| known.public == key)
    };
    let member = members.iter().find(has_key).ok_or_else(unknown)?;
    let fresh = MemberSignature {
        member: member.id,
        key: key.clone(),
        signature: signature.to_owned(),
        at: now,
    };
    signer(statement, &fresh, members)?;
    if taken.iter().any(|known| known.member == member.id || known.key == key) {
        let name = member.name.clone();
        return Err(AttestError::Replayed { name });
    }
    Ok(fresh)
}

/// The member behind a signature, where the signature counts.
pub(crate) fn signer<'m, S: Statement>(
    statement: &S,
    signature: &MemberSignature,
    members: &'m [Member],
) -> Result<&'m Member, AttestError> {
    let unknown = || AttestError::UnknownSigner {
        key: signature.key.clone(),
    };
    let is_signer = |member: &&Member| member.id == signature.member && member.organization == statement.organization();
    let member = members.iter().find(is_signer).ok_or_else(unknown)?;
    let name = || member.name.clone();
    if let Some(at) = member.removed_at {
        return Err(AttestError::SignerRemoved { name: name(), at });
    }
    let key = member.keys.iter().rev().find(|key| key.public == signature.key);
    let key = key.ok_or_else(unknown)?;
    if let Some(at) = key.void_since {
        return Err(AttestError::KeyVoid { name: name(), at });
    }
    if !key.holds(signature.at) {
        let at = key.until.unwrap_or(key.from);
        return Err(AttestError::KeyReplaced { name: name(), at });
    }
    verify(statement, &signature.key, &signature.signature)?;
    if !member.roles.iter().copied().any(MemberRole::signs) {
        return Err(AttestError::SignerLacksRole { name: name() });
    }
    if statement.requester() == Some(member.name.as_str()) {
        return Err(AttestError::RequesterSigns { name: name() });
    }
    Ok(member)
}

/// The members whose signatures count, each once, and why others do not.
pub(crate) fn signers<'m, S: Statement>(
    statement: &S,
    signatures: &[MemberSignature],
    members: &'m [Member],
) -> (Vec<&'m Member>, Vec<AttestError>) {
    let (mut counted, mut faults): (Vec<&Member>, Vec<AttestError>) = (Vec::new(), Vec::new());
    let mut keys: Vec<&str> = Vec::new();
    for signature in signatures {
        match signer(statement, signature, members) {
            // Two members with one key are one pair of eyes.
            Ok(member) if counted.iter().any(|known| known.id == member.id) || keys.contains(&&*signature.key) => {
                let name = member.name.clone();
                faults.push(AttestError::Replayed { name });
            }
            Ok(member) => {
                counted.push(member);
                keys.push(&signature.key);
            }
            Err(fault) => faults.push(fault),
        }
    }
    (counted, faults)
}
