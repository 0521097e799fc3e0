//! Keys of the log in the text forms of C2SP signed notes and Go's `golang.org/x/mod/sumdb/note`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::LedgerError;

/// The signature type of Ed25519 in signed notes: what a log signs with.
pub(crate) const ED25519: u8 = 1;
/// The signature type of cosignatures: what a witness signs with.
pub(crate) const COSIGNATURE: u8 = 4;
const SECRET_PREFIX: &str = "PRIVATE+KEY+";
const VERIFIER_EXAMPLE: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// The log's secret key with the log's name, which is also the origin line of its tree heads.
///
/// Exactly one signer may exist per name: two would sign histories that contradict each other.
pub type LogSigner = NoteSigner<ED25519>;
/// The public key of a log or of whoever signs a note: a C2SP `vkey`, `<name>+<id>+<base64>`.
pub type VerifierKey = NoteKey<ED25519>;

/// A secret key with its name, of a signature type.
#[derive(Clone)]
pub struct NoteSigner<const TYPE: u8> {
    name: String,
    key: SigningKey,
}

impl<const TYPE: u8> NoteSigner<TYPE> {
    /// The signer of 32 secret bytes.
    ///
    /// # Errors
    /// `ledger::malformed` where the name is empty or has spaces, control characters or a plus.
    pub fn from_secret(name: &str, secret: &[u8; 32]) -> Result<Self, LedgerError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key: SigningKey::from_bytes(secret),
        })
    }

    /// The secret key as one line of text for a private file: `PRIVATE+KEY+<name>+<id>+<base64>`, as Go reads it.
    pub fn secret_text(&self) -> String {
        let secret: Vec<u8> = std::iter::once(TYPE).chain(self.key.to_bytes()).collect();
        format!(
            "{SECRET_PREFIX}{}+{}+{}",
            self.name,
            self.verifier_key().id_hex(),
            BASE64.encode(secret)
        )
    }

    /// The key that verifies what this one signs.
    pub fn verifier_key(&self) -> NoteKey<TYPE> {
        NoteKey::new(self.name.clone(), self.key.verifying_key())
    }

    /// The signer's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 signature (RFC 8032), 64 bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl<const TYPE: u8> fmt::Debug for NoteSigner<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if TYPE == COSIGNATURE {
            "WitnessSigner"
        } else {
            "LogSigner"
        };
        write!(f, "{whose}({})", self.name)
    }
}

impl<const TYPE: u8> FromStr for NoteSigner<TYPE> {
    type Err = LedgerError;

    /// Reads [`NoteSigner::secret_text`]; white space around it is no harm.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (what, example) = match TYPE {
            COSIGNATURE => (
                "secret key of a witness",
                "PRIVATE+KEY+witness.example+01234567+<base64>",
            ),
            _ => ("secret key of a log", "PRIVATE+KEY+example.com/log+01234567+<base64>"),
        };
        let wrong = |reason: &str| malformed(what, reason, example);
        let rest = text
            .trim()
            .strip_prefix(SECRET_PREFIX)
            .ok_or_else(|| wrong("it does not begin with `PRIVATE+KEY+`"))?;
        let (name, id, secret) = three_parts(rest).ok_or_else(|| wrong("name, id and key are needed"))?;
        let secret = key_bytes(TYPE, secret).ok_or_else(|| wrong("it holds no Ed25519 key"))?;
        let signer = Self::from_secret(name, &secret)?;
        if signer.verifier_key().id_hex() != id {
            return Err(wrong("its id does not fit its name and key"));
        }
        Ok(signer)
    }
}

/// A public key with its name, of a signature type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey<const TYPE: u8> {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl<const TYPE: u8> NoteKey<TYPE> {
    fn new(name: String, key: VerifyingKey) -> Self {
        let hasher = Sha256::new().chain_update(&name).chain_update([b'\n', TYPE]);
        let [a, b, c, d, ..]: [u8; 32] = hasher.chain_update(key.as_bytes()).finalize().into();
        let id = [a, b, c, d];
        Self { name, id, key }
    }

    /// The signer's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name || "\n" || type || key)`, which stand before each signature.
    pub(crate) fn id(&self) -> [u8; 4] {
        self.id
    }

    fn id_hex(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.id))
    }

    /// Whether this is the key's Ed25519 signature of the message; keys of small order sign nothing.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), LedgerError> {
        let bad = || LedgerError::BadSignature {
            name: self.name.clone(),
        };
        let signature = Signature::from_slice(signature).map_err(|_| bad())?;
        self.key.verify_strict(message, &signature).map_err(|_| bad())
    }
}

impl<const TYPE: u8> fmt::Display for NoteKey<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<u8> = std::iter::once(TYPE).chain(self.key.to_bytes()).collect();
        write!(f, "{}+{}+{}", self.name, self.id_hex(), BASE64.encode(key))
    }
}

impl<const TYPE: u8> FromStr for NoteKey<TYPE> {
    type Err = LedgerError;

    /// Reads its text; white space around it is no harm.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (what, example, none) = match TYPE {
            COSIGNATURE => (
                "key of a witness",
                "witness.example+01234567+<base64>",
                "it holds no key for cosignatures",
            ),
            _ => ("verifier key", VERIFIER_EXAMPLE, "it holds no Ed25519 key"),
        };
        let wrong = |reason: &str| malformed(what, reason, example);
        let (name, id, key) = three_parts(text.trim()).ok_or_else(|| wrong("name, id and key are needed"))?;
        check_name(name)?;
        let key = key_bytes(TYPE, key).and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let key = Self::new(name.to_owned(), key.ok_or_else(|| wrong(none))?);
        if key.id_hex() != id {
            return Err(wrong("its id does not fit its name and key"));
        }
        Ok(key)
    }
}

/// Name, id and key. Base64 may hold a plus, the other two may not.
fn three_parts(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    Some((name, id, key))
}

/// The bytes of a key of this type.
fn key_bytes(kind: u8, base64: &str) -> Option<[u8; 32]> {
    let bytes = BASE64.decode(base64).ok()?;
    let (found, key) = bytes.split_first()?;
    key.try_into().ok().filter(|_| *found == kind)
}

pub(crate) fn check_name(name: &str) -> Result<(), LedgerError> {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
        let reason = "it must not be empty nor hold spaces, control characters or a plus";
        return Err(malformed("name of a log", reason, "example.com/log42"));
    }
    Ok(())
}

fn malformed(what: &'static str, reason: &str, example: &'static str) -> LedgerError {
    LedgerError::Malformed {
        what,
        reason: reason.to_owned(),
        example,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer() -> LogSigner {
        LogSigner::from_secret("example.com/log", &[7; 32]).unwrap()
    }

    #[test]
    fn keys_read_back() {
        let again: LogSigner = signer().secret_text().parse().unwrap();
        assert_eq!(again.verifier_key(), signer().verifier_key());
        let again: VerifierKey = format!("{}\n", signer().verifier_key()).parse().unwrap();
        assert_eq!(again, signer().verifier_key());
        assert_eq!(
            VERIFIER_EXAMPLE.parse::<VerifierKey>().unwrap().to_string(),
            VERIFIER_EXAMPLE
        );
    }

    #[test]
    fn the_secret_is_shown_neither_by_debug_nor_by_errors() {
        assert_eq!(format!("{:?}", signer()), "LogSigner(example.com/log)");
        let damaged = signer().secret_text().replace("log+", "lag+");
        let error = damaged.parse::<LogSigner>().unwrap_err();
        assert!(!error.to_string().contains("BwcH"), "{error}");
    }

    #[test]
    fn names_that_would_break_a_note_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{7}b"] {
            assert!(LogSigner::from_secret(name, &[7; 32]).is_err(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn every_change_of_one_byte_in_a_key_is_refused_or_another_key(at in any::<prop::sample::Index>(), to in 33_u8..127) {
            for text in [signer().verifier_key().to_string(), signer().secret_text()] {
                let mut bytes = text.clone().into_bytes();
                let at = at.index(bytes.len());
                prop_assume!(bytes[at] != to);
                bytes[at] = to;
                let changed = String::from_utf8(bytes).unwrap();
                prop_assert!(changed.parse::<VerifierKey>().is_err());
                prop_assert!(changed.parse::<LogSigner>().is_err());
            }
        }

        #[test]
        fn any_text_is_refused_without_panic(text in "(PRIVATE[+]KEY[+])?\\PC{0,12}[+]?[0-9a-f]{0,9}[+]?[A-Za-z0-9+/=]{0,50}") {
            let _ = text.parse::<VerifierKey>();
            let _ = text.parse::<LogSigner>();
        }
    }
}
