//! The key that signs models: ECDSA over P-256 with SHA-256, the curve that every verifier of model signatures knows (Ed25519 is not).
//! Nonces follow from key and message (RFC 6979), so that no randomness is needed.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cultivar_record::Digest;
use p256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::{Signer as _, Verifier as _},
};

use crate::PapersError;

/// What stands before the point in a public key of this curve (RFC 5480: id-ecPublicKey, prime256v1, 66 bits of string).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// Characters in a line of PEM (RFC 7468).
const LINE: usize = 64;

/// Signs models.
pub struct ModelSigner {
    key: SigningKey,
}

impl ModelSigner {
    /// The signer of a secret: 32 bytes, a number below the curve's order.
    ///
    /// # Errors
    /// `papers::key_malformed`: of random bytes, one in four thousand million.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, PapersError> {
        let key = SigningKey::from_slice(secret).map_err(|_| malformed("it is no number below the curve's order"))?;
        Ok(Self { key })
    }

    /// The signature of a message, DER (RFC 3279).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// Who can check its signatures.
    pub fn verifier(&self) -> ModelVerifier {
        ModelVerifier {
            key: *self.key.verifying_key(),
        }
    }
}

impl std::fmt::Debug for ModelSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ModelSigner(..)")
    }
}

/// Checks signatures of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelVerifier {
    key: VerifyingKey,
}

impl ModelVerifier {
    /// The key of a PEM block.
    ///
    /// # Errors
    /// `papers::key_malformed`.
    pub fn from_pem(pem: &str) -> Result<Self, PapersError> {
        let body = pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body = body.ok_or_else(|| malformed("it is no PEM block of a public key"))?;
        let body: String = body.split_whitespace().collect();
        let der = BASE64.decode(body).map_err(|_| malformed("its text is no base64"))?;
        let point = der
            .strip_prefix(&SPKI_PREFIX)
            .ok_or_else(|| malformed("it is of another curve"))?;
        let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| malformed("its point is not on the curve"))?;
        Ok(Self { key })
    }

    /// The PEM block (RFC 7468) of the key (RFC 5480).
    pub fn to_pem(&self) -> String {
        let text = BASE64.encode(self.der());
        let mut pem = format!("{BEGIN}\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, next) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = next;
        }
        pem + END + "\n"
    }

    /// The digest of the key's PEM block: what a pedigree and a signature name it by, and what `sha256sum` says of its file.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(self.to_pem().as_bytes())
    }

    /// Checks a signature.
    pub fn verify(&self, message: &[u8], der: &[u8]) -> bool {
        Signature::from_der(der).is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }

    fn der(&self) -> Vec<u8> {
        [&SPKI_PREFIX[..], self.key.to_sec1_point(false).as_bytes()].concat()
    }
}

fn malformed(reason: &str) -> PapersError {
    PapersError::KeyMalformed {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_knows_its_signatures() {
        let signer = ModelSigner::from_secret(&[7; 32]).unwrap();
        let verifier = ModelVerifier::from_pem(&signer.verifier().to_pem()).unwrap();
        assert_eq!(verifier, signer.verifier());
        let signature = signer.sign(b"weights");
        assert!(verifier.verify(b"weights", &signature));
        assert!(!verifier.verify(b"weight", &signature));
        assert!(
            !ModelSigner::from_secret(&[8; 32])
                .unwrap()
                .verifier()
                .verify(b"weights", &signature)
        );
        assert!(!verifier.verify(b"weights", b"no signature"));
    }

    #[test]
    fn what_is_no_key_is_told_so() {
        assert!(ModelSigner::from_secret(&[0xff; 32]).is_err() && ModelSigner::from_secret(&[0; 32]).is_err());
        for pem in [
            "",
            "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ] {
            assert!(
                matches!(ModelVerifier::from_pem(pem), Err(PapersError::KeyMalformed { .. })),
                "{pem}"
            );
        }
    }
}
