//! Canonical JSON: what is hashed is what is stored, byte for byte.

use serde::Serialize;

use crate::{Digest, RecordError};

/// The canonical JSON text of a value: RFC 8785 (keys sorted by UTF-16 code units, ECMAScript numbers, no white space).
///
/// # Errors
/// `record::not_canonical` where the value has no JSON form (a map key that is no string, a number that is not finite).
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> Result<String, RecordError> {
    serde_json_canonicalizer::to_string(&value).map_err(|error| RecordError::NotCanonical {
        reason: error.to_string(),
    })
}

/// SHA-256 over the canonical JSON of a value.
pub fn digest_of<T: Serialize + ?Sized>(value: &T) -> Result<Digest, RecordError> {
    Ok(Digest::of_bytes(canonical_json(value)?.as_bytes()))
}

/// The canonical JSON of a record whose fields are declared in the order of their names and hold no floating-point number:
/// what [`canonical_json`] would give, for a fraction of its cost. Tests and debug builds check that it is the same.
///
/// # Errors
/// `record::not_canonical`.
pub fn sorted_json<T: Serialize + ?Sized>(value: &T) -> Result<String, RecordError> {
    let text = serde_json::to_string(&value).map_err(|error| RecordError::NotCanonical {
        reason: error.to_string(),
    })?;
    debug_assert_eq!(Some(&text), canonical_json(value).ok().as_ref());
    Ok(text)
}
