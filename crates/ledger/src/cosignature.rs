//! Cosignatures: what a witness says of a tree head, on a line below the log's own. Source: `c2sp.org/tlog-cosignature@v1.0.1`
//! (Ed25519, `cosignature/v1`).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::{
    LedgerError,
    key::{check_name, key_bytes, key_id, malformed, three_parts},
    note,
};

/// The signature type of cosignatures in signed notes.
const COSIGNATURE: u8 = 4;
const SECRET_PREFIX: &str = "PRIVATE+KEY+";
const KEY_EXAMPLE: &str = "witness.example+01234567+<base64>";

/// A witness's secret key with its name.
#[derive(Clone)]
pub struct WitnessSigner {
    name: String,
    key: SigningKey,
}

impl WitnessSigner {
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

    /// The secret key as one line of text for a private file.
    pub fn secret_text(&self) -> String {
        let secret: Vec<u8> = std::iter::once(COSIGNATURE).chain(self.key.to_bytes()).collect();
        let id = hex(self.key().id);
        format!("{SECRET_PREFIX}{}+{id}+{}", self.name, BASE64.encode(secret))
    }

    /// The key that checks what this one signs.
    pub fn key(&self) -> WitnessKey {
        WitnessKey::new(self.name.clone(), self.key.verifying_key())
    }

    /// The line that cosigns a signed tree head at a moment, in seconds since 1970: the log was consistent with all that this
    /// witness saw of it before.
    ///
    /// # Errors
    /// `ledger::malformed` where it is no signed note.
    pub fn cosign(&self, tree_head: &str, at: u64) -> Result<String, LedgerError> {
        let (text, _) = note::split(tree_head)?;
        let signature = self.key.sign(&message(text, at)).to_bytes();
        let bytes = [&self.key().id[..], &at.to_be_bytes(), &signature].concat();
        Ok(note::line(&self.name, &bytes))
    }
}

impl fmt::Debug for WitnessSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessSigner({})", self.name)
    }
}

impl FromStr for WitnessSigner {
    type Err = LedgerError;

    /// Reads [`WitnessSigner::secret_text`]; white space around it is no harm.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || malformed("secret key of a witness", "it is damaged", KEY_EXAMPLE);
        let rest = text.trim().strip_prefix(SECRET_PREFIX).ok_or_else(wrong)?;
        let (name, id, secret) = three_parts(rest).ok_or_else(wrong)?;
        let signer = Self::from_secret(name, &key_bytes(COSIGNATURE, secret).ok_or_else(wrong)?)?;
        if hex(signer.key().id) == id {
            Ok(signer)
        } else {
            Err(wrong())
        }
    }
}

/// The public key of a witness: a C2SP `vkey` of the type 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl WitnessKey {
    fn new(name: String, key: VerifyingKey) -> Self {
        let id = key_id(&name, COSIGNATURE, &key);
        Self { name, id, key }
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When this witness cosigned a tree head, in seconds since 1970.
    ///
    /// # Errors
    /// `ledger::not_cosigned` where it did not, `ledger::bad_signature` where its line is there and wrong, `ledger::malformed`.
    pub fn cosigned_at(&self, tree_head: &str) -> Result<u64, LedgerError> {
        let (text, lines) = note::split(tree_head)?;
        let name = || self.name.clone();
        for line in lines.lines() {
            let (signer, id, bytes) = note::signature_of(line)?;
            if signer == self.name && id == self.id {
                let bad = || LedgerError::BadSignature { name: name() };
                let (at, signature) = bytes.split_first_chunk::<8>().ok_or_else(bad)?;
                let at = u64::from_be_bytes(*at);
                let signature = Signature::from_slice(signature).map_err(|_| bad())?;
                let checked = self.key.verify_strict(&message(text, at), &signature);
                return checked.map(|()| at).map_err(|_| bad());
            }
        }
        Err(LedgerError::NotCosigned { name: name() })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<u8> = std::iter::once(COSIGNATURE).chain(self.key.to_bytes()).collect();
        write!(f, "{}+{}+{}", self.name, hex(self.id), BASE64.encode(key))
    }
}

impl FromStr for WitnessKey {
    type Err = LedgerError;

    /// Reads its text; white space around it is no harm.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| malformed("key of a witness", reason, KEY_EXAMPLE);
        let (name, id, key) = three_parts(text.trim()).ok_or_else(|| wrong("name, id and key are needed"))?;
        check_name(name)?;
        let key = key_bytes(COSIGNATURE, key).and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let key = Self::new(
            name.to_owned(),
            key.ok_or_else(|| wrong("it holds no key for cosignatures"))?,
        );
        if hex(key.id) == id {
            Ok(key)
        } else {
            Err(wrong("its id does not fit its name and key"))
        }
    }
}

/// A signed tree head with the lines of witnesses below the log's, in place of what the same witnesses said before.
///
/// # Errors
/// `ledger::malformed` where either is not what it should be.
pub fn with_cosignatures(tree_head: &str, lines: &str) -> Result<String, LedgerError> {
    let (text, known) = note::split(tree_head)?;
    let mut fresh = Vec::new();
    for line in lines.lines() {
        let (name, id, _) = note::signature_of(line)?;
        fresh.push((name, id));
    }
    let mut signed = format!("{text}\n");
    for line in known.lines() {
        let (name, id, _) = note::signature_of(line)?;
        if !fresh.contains(&(name, id)) {
            signed.push_str(line);
            signed.push('\n');
        }
    }
    for line in lines.lines() {
        signed.push_str(line);
        signed.push('\n');
    }
    Ok(signed)
}

fn message(text: &str, at: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {at}\n{text}").into_bytes()
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Files;

    fn witness() -> WitnessSigner {
        WitnessSigner::from_secret("witness.example", &[9; 32]).unwrap()
    }

    #[test]
    fn a_cosigned_head_names_its_witness_and_the_moment_and_nobody_elses() {
        let head = Files::of(3).signed_head();
        let cosigned = with_cosignatures(&head, &witness().cosign(&head, 1_700_000_000).unwrap()).unwrap();
        assert_eq!(witness().key().cosigned_at(&cosigned).unwrap(), 1_700_000_000);
        assert!(cosigned.starts_with(&head), "the log's own lines stay as they are");
        let again = with_cosignatures(&cosigned, &witness().cosign(&head, 1_700_000_060).unwrap()).unwrap();
        assert_eq!(witness().key().cosigned_at(&again).unwrap(), 1_700_000_060);
        assert_eq!(again.lines().count(), cosigned.lines().count());

        let other = WitnessSigner::from_secret("witness.example", &[8; 32]).unwrap().key();
        let error = other.cosigned_at(&cosigned).unwrap_err();
        assert!(matches!(error, LedgerError::NotCosigned { .. }), "{error}");
        let altered = cosigned.replace("\n3\n", "\n4\n");
        let error = witness().key().cosigned_at(&altered).unwrap_err();
        assert!(matches!(error, LedgerError::BadSignature { .. }), "{error}");
    }

    #[test]
    fn keys_read_back_and_others_are_refused() {
        let signer = witness();
        assert_eq!(
            signer.secret_text().parse::<WitnessSigner>().unwrap().key(),
            signer.key()
        );
        assert_eq!(signer.key().to_string().parse::<WitnessKey>().unwrap(), signer.key());
        let of_a_log = crate::testing::signer().verifier_key().to_string();
        for text in [
            "",
            "a+b",
            &of_a_log,
            &signer.key().to_string().replace("witness", "wittness"),
        ] {
            assert!(text.parse::<WitnessKey>().is_err(), "{text}");
        }
    }
}
