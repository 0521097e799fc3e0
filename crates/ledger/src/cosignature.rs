//! Cosignatures: what a witness says of a tree head, on a line below the log's own. Source: `c2sp.org/tlog-cosignature@v1.0.1`
//! (Ed25519, `cosignature/v1`).

use crate::{
    LedgerError,
    key::{COSIGNATURE, NoteKey, NoteSigner},
    note,
};

/// A witness's secret key with its name.
pub type WitnessSigner = NoteSigner<COSIGNATURE>;
/// The public key of a witness: a C2SP `vkey` of the type 4.
pub type WitnessKey = NoteKey<COSIGNATURE>;

impl WitnessSigner {
    /// The line that cosigns a signed tree head at a moment, in seconds since 1970: the log was consistent with all that this
    /// witness saw of it before.
    ///
    /// # Errors
    /// `ledger::malformed` where it is no signed note.
    pub fn cosign(&self, tree_head: &str, at: u64) -> Result<String, LedgerError> {
        let (text, _) = note::split(tree_head)?;
        let signature = self.sign(&message(text, at));
        let bytes = [&self.verifier_key().id()[..], &at.to_be_bytes(), &signature].concat();
        Ok(note::line(self.name(), &bytes))
    }
}

impl WitnessKey {
    /// When this witness cosigned a tree head, in seconds since 1970.
    ///
    /// # Errors
    /// `ledger::not_cosigned` where it did not, `ledger::bad_signature` where its line is there and wrong, `ledger::malformed`.
    pub fn cosigned_at(&self, tree_head: &str) -> Result<u64, LedgerError> {
        let (text, lines) = note::split(tree_head)?;
        let name = || self.name().to_owned();
        for line in lines.lines() {
            let (signer, id, bytes) = note::signature_of(line)?;
            if signer == self.name() && id == self.id() {
                let bad = LedgerError::BadSignature { name: name() };
                let (at, signature) = bytes.split_first_chunk::<8>().ok_or(bad)?;
                let at = u64::from_be_bytes(*at);
                return self.verify(&message(text, at), signature).map(|()| at);
            }
        }
        Err(LedgerError::NotCosigned { name: name() })
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
        assert_eq!(witness().verifier_key().cosigned_at(&cosigned).unwrap(), 1_700_000_000);
        assert!(cosigned.starts_with(&head), "the log's own lines stay as they are");
        let again = with_cosignatures(&cosigned, &witness().cosign(&head, 1_700_000_060).unwrap()).unwrap();
        assert_eq!(witness().verifier_key().cosigned_at(&again).unwrap(), 1_700_000_060);
        assert_eq!(again.lines().count(), cosigned.lines().count());

        let other = WitnessSigner::from_secret("witness.example", &[8; 32])
            .unwrap()
            .verifier_key();
        let error = other.cosigned_at(&cosigned).unwrap_err();
        assert!(matches!(error, LedgerError::NotCosigned { .. }), "{error}");
        let altered = cosigned.replace("\n3\n", "\n4\n");
        let error = witness().verifier_key().cosigned_at(&altered).unwrap_err();
        assert!(matches!(error, LedgerError::BadSignature { .. }), "{error}");
    }

    #[test]
    fn keys_read_back_and_others_are_refused() {
        let signer = witness();
        assert_eq!(
            signer.secret_text().parse::<WitnessSigner>().unwrap().verifier_key(),
            signer.verifier_key()
        );
        assert_eq!(
            signer.verifier_key().to_string().parse::<WitnessKey>().unwrap(),
            signer.verifier_key()
        );
        let of_a_log = crate::testing::signer().verifier_key().to_string();
        for text in [
            "",
            "a+b",
            &of_a_log,
            &signer.verifier_key().to_string().replace("witness", "wittness"),
        ] {
            assert!(text.parse::<WitnessKey>().is_err(), "{text}");
        }
    }
}
