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
