//! `provenance.intoto.json`: how the weights were built, as SLSA provenance v1 in a signed envelope.
//! Source: <https://slsa.dev/spec/v1.0/provenance>.

use cultivar_record::{Pedigree, canonical_json};
use serde_json::{Value, json};

use crate::{Files, ModelSigner, ModelVerifier, PapersError, dsse};

const PAPER: &str = "provenance.intoto.json";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What `externalParameters` mean: the recipe's digest and the name that it gives the model.
const BUILD_TYPE: &str = "urn:cultivar:build:v1";

/// The provenance of a model: `files` are the weights, the tokenizer and the configuration.
///
/// # Errors
/// `record::not_canonical`.
pub fn provenance(signer: &ModelSigner, pedigree: &Pedigree, files: &Files) -> Result<String, PapersError> {
    let subject: Vec<Value> = files
        .iter()
        .map(|(name, digest)| json!({ "name": name, "digest": { "sha256": digest.hex() } }))
        .collect();
    let datasets = pedigree.datasets.iter().map(|dataset| {
        json!({
            "name": format!("dataset {}@{}", dataset.name, dataset.version),
            "digest": { "sha256": dataset.digest.hex() },
            "annotations": { "ledger_leaf": dataset.leaf },
        })
    });
    let terms = pedigree
        .terms
        .iter()
        .map(|terms| json!({ "name": format!("terms {}", terms.key), "digest": { "sha256": terms.digest.hex() } }));
    let base = pedigree
        .base_weights
        .iter()
        .map(|digest| json!({ "name": "base weights", "digest": { "sha256": digest.hex() } }));
    let dependencies: Vec<Value> = datasets.chain(terms).chain(base).collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "model": pedigree.model,
                    "version": pedigree.version,
                    "recipe": { "sha256": pedigree.recipe.hex() },
                },
                "internalParameters": { "ledger_leaf": pedigree.run_leaf },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": { "id": format!("urn:cultivar:builder:{}", pedigree.code.replace(' ', ":")) },
                "metadata": { "invocationId": pedigree.run, "finishedOn": pedigree.at },
            },
        },
    });
    Ok(canonical_json(&dsse::seal(signer, &canonical_json(&statement)?))?)
}

/// Checks the provenance against the files that it must be about.
///
/// # Errors
/// `papers::malformed`, `papers::bad_signature`, `papers::other_file`.
pub fn verify_provenance(envelope: &str, verifier: &ModelVerifier, files: &Files) -> Result<(), PapersError> {
    let malformed = |e: serde_json::Error| PapersError::Malformed {
        paper: PAPER,
        reason: e.to_string(),
    };
    let envelope: dsse::Envelope = serde_json::from_str(envelope).map_err(malformed)?;
    let statement: Value = serde_json::from_slice(&envelope.open(PAPER, verifier)?).map_err(malformed)?;
    let subjects = statement.get("subject").and_then(Value::as_array);
    for (file, digest) in files {
        let is_named = subjects.into_iter().flatten().any(|subject| {
            subject.get("name").and_then(Value::as_str) == Some(file)
                && subject.pointer("/digest/sha256").and_then(Value::as_str) == Some(&digest.hex())
        });
        if !is_named {
            return Err(PapersError::OtherFile {
                paper: PAPER,
                file: file.clone(),
            });
        }
    }
    Ok(())
}
