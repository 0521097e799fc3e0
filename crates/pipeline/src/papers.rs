//! The papers beside a model's weights, and the checks of all of them: offline, from the folder and two public keys.

use cultivar_ledger::VerifierKey;
use cultivar_model::{annotate, annotation};
use cultivar_papers::{
    Files, ModelVerifier, PapersError, bill_of_materials, provenance, verify_model_signature, verify_provenance,
};
use cultivar_record::{Digest, Duties, Pedigree, SignedPedigree, Terms};
use serde::Serialize;

use crate::{Context, PipelineError, pedigree::verify_pedigree, proofs};

/// Files of a model's folder.
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const CONFIG: &str = "config.json";
pub(crate) const CARD: &str = "card.md";
pub(crate) const DUTIES: &str = "duties.json";
pub(crate) const PEDIGREE: &str = "pedigree.json";
pub(crate) const PROVENANCE: &str = "provenance.intoto.json";
pub(crate) const BILL: &str = "mlbom.cdx.json";
pub(crate) const SIGNATURE: &str = "model.sig";
pub(crate) const MANIFEST: &str = "manifest.json";

/// Where the weights' file names the pedigree that it belongs to.
const ANNOTATION: &str = "cultivar.pedigree";

/// The weights as they are published: with the digest of their pedigree's origin in the header, and the pedigree with their digest.
pub(crate) fn bound(pedigree: Pedigree, weights: &[u8]) -> Result<(Pedigree, Vec<u8>), PipelineError> {
    let weights = annotate(weights, ANNOTATION, &pedigree.origin()?.to_string())?;
    let pedigree = Pedigree {
        weights: Digest::of_bytes(&weights),
        ..pedigree
    };
    Ok((pedigree, weights))
}

/// The papers about how the model was made: provenance and bill of materials.
pub(crate) fn about(
    context: &Context,
    pedigree: &Pedigree,
    duties: &Duties,
) -> Result<[(&'static str, String); 2], PipelineError> {
    let rows = pedigree
        .terms
        .iter()
        .map(|terms| context.gateway.terms_in_force(terms.digest));
    let rows: Vec<Terms> = rows.collect::<Result<_, _>>()?;
    Ok([
        (
            PROVENANCE,
            provenance(&context.model_signer, pedigree, &subjects(pedigree))?,
        ),
        (BILL, bill_of_materials(pedigree, &rows, duties)?),
    ])
}

/// The files that the pedigree names by digest.
fn subjects(pedigree: &Pedigree) -> Files {
    let files = [
        (WEIGHTS, pedigree.weights),
        (TOKENIZER, pedigree.tokenizer),
        (CONFIG, pedigree.config),
    ];
    files.map(|(name, digest)| (name.to_owned(), digest)).into()
}

/// The keys that a model is checked with: the ledger's, and the one that signs models.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Signs tree heads and pedigrees.
    pub ledger: VerifierKey,
    /// Signs models.
    pub model: ModelVerifier,
}

/// A check that held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The paper.
    pub paper: &'static str,
    /// What holds.
    pub holds: String,
}

/// A model whose papers hold.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedModel {
    /// Its pedigree with the signature.
    pub pedigree: SignedPedigree,
    /// What is owed along with it.
    pub duties: Duties,
    /// What was checked.
    pub checks: Vec<Check>,
}

/// Checks every paper of a model's folder against every other; `files` are all files of the folder with their bytes.
///
/// # Errors
/// `pipeline::damaged_model` or the paper's own error, naming the paper and the file.
pub(crate) fn verify(
    name: &str,
    files: &std::collections::BTreeMap<String, Vec<u8>>,
    keys: &Keys,
) -> Result<VerifiedModel, PipelineError> {
    let text = |file: &str| -> Result<String, PipelineError> {
        let bytes = files.get(file).ok_or_else(|| missing(file))?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    let damaged = |reason: String| PipelineError::DamagedModel {
        name: name.to_owned(),
        reason,
    };
    let digests: Files = files
        .iter()
        .filter(|(file, _)| *file != SIGNATURE)
        .map(|(file, bytes)| (file.clone(), Digest::of_bytes(bytes)))
        .collect();
    let mut checks = Vec::new();
    let mut held = |paper, holds: String| checks.push(Check { paper, holds });

    let signed = verify_pedigree(&text(PEDIGREE)?, name, &keys.ledger)?;
    held(PEDIGREE, format!("signed by {}", signed.key));
    let proved = proofs::check(&signed, &keys.ledger, damaged)?;
    held(
        PEDIGREE,
        format!("{proved} entries that it names are proved to be in the ledger"),
    );
    let pedigree = &signed.pedigree;
    for (file, digest) in subjects(pedigree) {
        if digests.get(&file) != Some(&digest) {
            return Err(damaged(format!("the pedigree is about another `{file}`")));
        }
    }
    held(
        PEDIGREE,
        "names these weights, this tokenizer and this configuration".to_owned(),
    );

    let stated = annotation(files.get(WEIGHTS).map_or(&[], Vec::as_slice), ANNOTATION)?;
    if stated != Some(pedigree.origin()?.to_string()) {
        return Err(damaged(format!("`{WEIGHTS}` names another pedigree in its header")));
    }
    held(WEIGHTS, format!("names this pedigree in its header (`{ANNOTATION}`)"));

    if pedigree.signing_key != Some(keys.model.digest()) {
        return Err(damaged("the pedigree names another key that signs models".to_owned()));
    }
    verify_model_signature(&text(SIGNATURE)?, &keys.model, &digests)?;
    held(SIGNATURE, format!("covers all {} files", digests.len()));
    verify_provenance(&text(PROVENANCE)?, &keys.model, &subjects(pedigree))?;
    held(PROVENANCE, "is about these weights".to_owned());
    let bill: serde_json::Value = serde_json::from_str(&text(BILL)?).map_err(|e| damaged(format!("`{BILL}`: {e}")))?;
    let hash = bill
        .pointer("/metadata/component/hashes/0/content")
        .and_then(serde_json::Value::as_str);
    if hash != Some(&pedigree.weights.hex()) {
        return Err(PapersError::OtherFile {
            paper: BILL,
            file: WEIGHTS.to_owned(),
        }
        .into());
    }
    held(BILL, "is about these weights".to_owned());
    let duties: Duties = serde_json::from_str(&text(DUTIES)?).map_err(|e| damaged(format!("`{DUTIES}`: {e}")))?;
    held(
        DUTIES,
        format!("{} owed, {} clash", duties.duties.len(), duties.clashes.len()),
    );
    Ok(VerifiedModel {
        pedigree: signed,
        duties,
        checks,
    })
}

fn missing(file: &str) -> PipelineError {
    PapersError::FileMissing {
        paper: MANIFEST,
        file: file.to_owned(),
    }
    .into()
}
