//! Keys as files and texts. A secret key is PKCS #8 in PEM (RFC 8410), so that other programs can sign with it as well
//! (`openssl pkeyutl -sign -rawin`); a public key is its 32 bytes in base64, or a PEM file.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::{AttestError, Statement, statement_bytes};

/// What stands before the 32 bytes of a secret key in PKCS #8 (RFC 8410, section 7).
const SECRET_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What stands before the 32 bytes of a public key (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A person's secret key.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key in a PEM file.
    ///
    /// # Errors
    /// `attest::key_unreadable`, which never says what stands in the file.
    pub fn from_pem(text: &str) -> Result<Self, AttestError> {
        let bytes = pem(text, "PRIVATE KEY")?;
        let seed = bytes.strip_prefix(&SECRET_PREFIX).and_then(|seed| seed.try_into().ok());
        let seed: [u8; 32] = seed.ok_or(AttestError::KeyUnreadable {
            reason: "it is no Ed25519 secret key",
        })?;
        Ok(Self::from_seed(&seed))
    }

    /// The key as a PEM file.
    pub fn to_pem(&self) -> String {
        let bytes = [&SECRET_PREFIX[..], self.0.as_bytes()].concat();
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(bytes)
        )
    }

    /// The public half, base64.
    pub fn public(&self) -> String {
        public_key_text(&self.0.verifying_key())
    }

    /// The signature over a statement, base64.
    ///
    /// # Errors
    /// `record::not_canonical`.
    pub fn sign<S: Statement>(&self, statement: &S) -> Result<String, AttestError> {
        let signature = self.0.sign(&statement_bytes(statement)?);
        Ok(STANDARD.encode(signature.to_bytes()))
    }
}

/// The public key in a text: base64 of its 32 bytes, or a PEM file. A weak key, under which many signatures hold, is none.
///
/// # Errors
/// `attest::key_unreadable`.
pub fn public_key(text: &str) -> Result<VerifyingKey, AttestError> {
    let unreadable = |reason| AttestError::KeyUnreadable { reason };
    let bytes = if text.contains("-----BEGIN") {
        let bytes = pem(text, "PUBLIC KEY")?;
        let key = bytes.strip_prefix(&PUBLIC_PREFIX);
        key.ok_or_else(|| unreadable("it is no Ed25519 public key"))?.to_vec()
    } else {
        let bytes = STANDARD.decode(text.trim());
        bytes.map_err(|_| unreadable("it is not base64"))?
    };
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| unreadable("it has not 32 bytes"))?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| unreadable("it is no point of the curve"))?;
    if key.is_weak() {
        return Err(unreadable("it is a weak key"));
    }
    Ok(key)
}

/// A public key as it is kept: base64 of its 32 bytes.
pub fn public_key_text(key: &VerifyingKey) -> String {
    STANDARD.encode(key.as_bytes())
}

/// The bytes between the lines of a PEM file.
fn pem(text: &str, label: &str) -> Result<Vec<u8>, AttestError> {
    let unreadable = |reason| AttestError::KeyUnreadable { reason };
    let body = text
        .split_once(&format!("-----BEGIN {label}-----"))
        .and_then(|(_, rest)| rest.split_once(&format!("-----END {label}-----")))
        .map(|(body, _)| body)
        .ok_or_else(|| unreadable("it is no PEM file of that kind"))?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).map_err(|_| unreadable("its body is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_and_read_as_others_do() {
        // The key pair of RFC 8410, section 10.3.
        let theirs = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let key = SecretKey::from_pem(theirs).unwrap();
        assert_eq!(key.to_pem(), theirs);
        assert_eq!(public_key_text(&public_key(public).unwrap()), key.public());
        assert_eq!(public_key_text(&public_key(&key.public()).unwrap()), key.public());
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let weak = STANDARD.encode([0_u8; 32]);
        for text in ["", "AAAA", "-----BEGIN PUBLIC KEY-----", &weak] {
            let error = public_key(text).unwrap_err();
            assert!(matches!(error, AttestError::KeyUnreadable { .. }), "{text}: {error}");
        }
        let secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----";
        let told = SecretKey::from_pem(secret).err().unwrap().to_string();
        assert_eq!(told, "the key cannot be read: it is no Ed25519 secret key");
    }
}
