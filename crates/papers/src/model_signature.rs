//! `model.sig`: the OpenSSF Model Signing format, which `model-signing` from PyPI verifies offline: a Sigstore bundle (v0.3) with a DSSE
//! envelope around an in-toto statement that names every file with its digest.
//! Source: <https://github.com/ossf/model-signing-spec>.

use cultivar_record::{Digest, canonical_json};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    Files, ModelSigner, ModelVerifier, PapersError,
    dsse::{self, Envelope},
};

/// The paper's name in errors and in the folder.
pub(crate) const PAPER: &str = "model.sig";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PREDICATE: &str = "https://model_signing/signature/v1.0";

/// The bundle for a model of this name: `files` are all files of its folder but the bundle itself.
///
/// # Errors
/// `record::not_canonical`.
pub fn sign_model(signer: &ModelSigner, model: &str, files: &Files) -> Result<String, PapersError> {
    let resources: Vec<Value> = files
        .iter()
        .map(|(name, digest)| json!({ "name": name, "algorithm": "sha256", "digest": digest.hex() }))
        .collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": model, "digest": { "sha256": root(files).hex() } }],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": false,
                "ignore_paths": [PAPER],
            },
            "resources": resources,
        },
    });
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": { "publicKey": { "hint": signer.verifier().digest().hex() }, "tlogEntries": [] },
        "dsseEnvelope": dsse::seal(signer, &canonical_json(&statement)?),
    });
    Ok(canonical_json(&bundle)?)
}

/// The digest of all files: SHA-256 over their raw digests, in the order of their names.
fn root(files: &Files) -> Digest {
    let mut hasher = Sha256::new();
    for digest in files.values() {
        hasher.update(digest.as_bytes());
    }
    Digest::from_raw(hasher.finalize().into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    digest: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Predicate {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    digest: String,
}

/// Checks a bundle against the files that lie in the folder, without the bundle itself.
///
/// # Errors
/// `papers::malformed`, `papers::bad_signature`; `papers::other_file`, `papers::file_missing`, `papers::extra_file` naming the file.
pub fn verify_model_signature(bundle: &str, verifier: &ModelVerifier, files: &Files) -> Result<(), PapersError> {
    let malformed = |reason: String| PapersError::Malformed { paper: PAPER, reason };
    let Bundle { dsse_envelope } = serde_json::from_str(bundle).map_err(|e| malformed(e.to_string()))?;
    let payload = dsse_envelope.open(PAPER, verifier)?;
    let statement: Statement = serde_json::from_slice(&payload).map_err(|e| malformed(e.to_string()))?;
    if statement.predicate_type != PREDICATE {
        return Err(malformed(format!("it is a `{}`", statement.predicate_type)));
    }
    let mut stated = Files::new();
    for Resource { name, digest } in statement.predicate.resources {
        let digest = format!("sha256:{digest}")
            .parse()
            .map_err(|_| malformed("a digest is malformed".to_owned()))?;
        stated.insert(name, digest);
    }
    let names_root = statement
        .subject
        .iter()
        .any(|subject| subject.digest.get("sha256") == Some(&root(&stated).hex()));
    if !names_root {
        return Err(malformed("its subject is not the digest of its files".to_owned()));
    }
    same_files(&stated, files)
}

fn same_files(stated: &Files, found: &Files) -> Result<(), PapersError> {
    for (file, digest) in stated {
        let (paper, file) = (PAPER, file.clone());
        match found.get(&file) {
            None => return Err(PapersError::FileMissing { paper, file }),
            Some(other) if other != digest => return Err(PapersError::OtherFile { paper, file }),
            Some(_) => {}
        }
    }
    match found.keys().find(|file| !stated.contains_key(*file)) {
        Some(file) => Err(PapersError::ExtraFile {
            paper: PAPER,
            file: file.clone(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        ["config.json", "model.safetensors"]
            .map(|name| (name.to_owned(), Digest::of_bytes(name.as_bytes())))
            .into()
    }

    #[test]
    fn whatever_is_changed_is_named() {
        let signer = ModelSigner::from_secret(&[7; 32]).unwrap();
        let (bundle, verifier) = (sign_model(&signer, "barista@1", &files()).unwrap(), signer.verifier());
        verify_model_signature(&bundle, &verifier, &files()).unwrap();

        let check = |change: &dyn Fn(&mut Files) -> Option<Digest>| {
            let mut files = files();
            change(&mut files);
            verify_model_signature(&bundle, &verifier, &files).unwrap_err()
        };
        let config = || "config.json".to_owned();
        assert_eq!(
            check(&|files| files.insert(config(), Digest::of_bytes(b"other"))),
            PapersError::OtherFile {
                paper: PAPER,
                file: config()
            }
        );
        assert_eq!(
            check(&|files| files.remove("config.json")),
            PapersError::FileMissing {
                paper: PAPER,
                file: config()
            }
        );
        assert_eq!(
            check(&|files| files.insert("more".to_owned(), Digest::of_bytes(b""))),
            PapersError::ExtraFile {
                paper: PAPER,
                file: "more".to_owned()
            }
        );
    }

    #[test]
    fn another_key_and_another_letter_are_refused() {
        let signer = ModelSigner::from_secret(&[7; 32]).unwrap();
        let bundle = sign_model(&signer, "barista@1", &files()).unwrap();
        let other = ModelSigner::from_secret(&[8; 32]).unwrap().verifier();
        let bad = PapersError::BadSignature { paper: PAPER };
        assert_eq!(verify_model_signature(&bundle, &other, &files()), Err(bad));
        for place in (0..bundle.len()).step_by(17) {
            let mut changed = bundle.clone().into_bytes();
            changed[place] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            let before = serde_json::from_str::<Value>(&bundle).unwrap()["dsseEnvelope"].clone();
            let after = serde_json::from_str::<Value>(&changed).map(|bundle| bundle["dsseEnvelope"].clone());
            let is_same = after.is_ok_and(|after| {
                after["payload"] == before["payload"]
                    && after["signatures"][0]["sig"] == before["signatures"][0]["sig"]
                    && after["payloadType"] == before["payloadType"]
            });
            assert!(
                is_same || verify_model_signature(&changed, &signer.verifier(), &files()).is_err(),
                "{place}"
            );
        }
    }
}
