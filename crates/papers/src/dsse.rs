//! Signed envelopes of in-toto statements (DSSE v1).
//! Source: <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ModelSigner, ModelVerifier, PapersError};

const PAYLOAD: &str = "application/vnd.in-toto+json";

/// A statement in its envelope, with one signature.
pub(crate) fn seal(signer: &ModelSigner, statement: &str) -> Value {
    let signature = signer.sign(&pre_authentication(statement.as_bytes()));
    json!({
        "payload": BASE64.encode(statement),
        "payloadType": PAYLOAD,
        "signatures": [{ "sig": BASE64.encode(signature), "keyid": "" }],
    })
}

/// What is signed of a payload ("Pre-Authentication Encoding").
fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD} {} ", PAYLOAD.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

impl Envelope {
    /// The statement, if the signature holds.
    ///
    /// # Errors
    /// `papers::malformed`, `papers::bad_signature`.
    pub(crate) fn open(&self, paper: &'static str, verifier: &ModelVerifier) -> Result<Vec<u8>, PapersError> {
        let bad = || PapersError::BadSignature { paper };
        let malformed = |reason: String| PapersError::Malformed { paper, reason };
        let payload = BASE64.decode(&self.payload).map_err(|e| malformed(e.to_string()))?;
        let [signature] = self.signatures.as_slice() else {
            return Err(malformed("it holds no signature, or several".to_owned()));
        };
        let signature = BASE64.decode(&signature.sig).map_err(|_| bad())?;
        if self.payload_type == PAYLOAD && verifier.verify(&pre_authentication(&payload), &signature) {
            Ok(payload)
        } else {
            Err(bad())
        }
    }
}
