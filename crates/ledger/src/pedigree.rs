//! Signatures of pedigrees: the log's key over their canonical JSON.
//!
//! The signed bytes begin with a line of their own, so that no signature of a tree head is one of a pedigree: the second line
//! of a tree head is a number, that of a pedigree begins with a brace.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cultivar_record::{Pedigree, SignedPedigree, canonical_json};

use crate::{LedgerError, LogSigner, VerifierKey};

/// What stands before the canonical JSON in the signed bytes.
const DOMAIN: &str = "cultivar/pedigree/v1\n";

/// Signs a pedigree: Ed25519 (RFC 8032) over `cultivar/pedigree/v1`, a newline and its canonical JSON.
///
/// # Errors
/// `record::not_canonical`.
pub fn sign_pedigree(signer: &LogSigner, pedigree: Pedigree) -> Result<SignedPedigree, LedgerError> {
    let signature = signer.sign(&signed_bytes(&pedigree)?);
    Ok(SignedPedigree {
        pedigree,
        key: signer.verifier_key().to_string(),
        signature: BASE64.encode(signature),
        proofs: Vec::new(),
    })
}

/// Checks a pedigree's signature with a key that the caller trusts; the key named in the file must be the same.
///
/// # Errors
/// `ledger::unknown_signer` where the file names another key, `ledger::bad_signature`, `record::not_canonical`.
pub fn verify_pedigree(signed: &SignedPedigree, key: &VerifierKey) -> Result<(), LedgerError> {
    let name = || key.name().to_owned();
    if signed.key != key.to_string() {
        return Err(LedgerError::UnknownSigner { name: name() });
    }
    let signature = BASE64.decode(&signed.signature);
    let signature = signature.map_err(|_| LedgerError::BadSignature { name: name() })?;
    key.verify(&signed_bytes(&signed.pedigree)?, &signature)
}

fn signed_bytes(pedigree: &Pedigree) -> Result<Vec<u8>, LedgerError> {
    Ok([DOMAIN, &canonical_json(pedigree)?].concat().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::signer;
    use cultivar_record::{Digest, LeafIndex, OrganizationId, RunId, Timestamp};

    fn pedigree() -> Pedigree {
        let at = Timestamp::from_micros(1_795_519_028_000_123);
        let digest = Digest::of_bytes(b"weights");
        Pedigree {
            v: 1,
            organization: OrganizationId::from_parts(at, &[1; 32]),
            model: "student".to_owned(),
            version: 1,
            weights: digest,
            tokenizer: digest,
            config: digest,
            recipe: digest,
            run: RunId::from_parts(at, &[2; 32]),
            run_leaf: LeafIndex(7),
            base_weights: None,
            trained: None,
            signing_key: None,
            datasets: Vec::new(),
            terms: Vec::new(),
            code: "cultivar 0.1.0".to_owned(),
            at,
        }
    }

    #[test]
    fn a_signed_pedigree_holds_until_anything_in_it_changes() {
        let key = signer().verifier_key();
        let signed = sign_pedigree(&signer(), pedigree()).unwrap();
        assert_eq!(verify_pedigree(&signed, &key), Ok(()));

        let mut altered = signed.clone();
        altered.pedigree.run_leaf = LeafIndex(8);
        assert!(matches!(
            verify_pedigree(&altered, &key),
            Err(LedgerError::BadSignature { .. })
        ));

        let mut truncated = signed.clone();
        truncated.signature.truncate(80);
        assert!(matches!(
            verify_pedigree(&truncated, &key),
            Err(LedgerError::BadSignature { .. })
        ));

        let stranger = LogSigner::from_secret(key.name(), &[9; 32]).unwrap();
        let forged = sign_pedigree(&stranger, pedigree()).unwrap();
        assert!(matches!(
            verify_pedigree(&forged, &key),
            Err(LedgerError::UnknownSigner { .. })
        ));
    }
}
