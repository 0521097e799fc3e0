//! The pedigree: put together from records, signed, checked.

use std::collections::BTreeMap;

use cultivar_ledger::VerifierKey;
use cultivar_record::{DatasetAncestor, Digest, Pedigree, SignedPedigree, TermsAncestor, digest_of};

use crate::{Context, PipelineError, Recipe, dataset_files::SealedDataset, train::Trained};

/// Version of the pedigree's shape.
const VERSION: u32 = 2;

pub(crate) fn of(
    context: &Context,
    recipe: &Recipe,
    dataset: &SealedDataset,
    trained: &Trained,
    version: u32,
) -> Result<Pedigree, PipelineError> {
    let sealed = &dataset.stored;
    let ancestor = DatasetAncestor {
        name: sealed.dataset.name.clone(),
        version: sealed.dataset.version,
        digest: sealed.digest,
        leaf: sealed.leaf,
        exchange_sets: sealed.dataset.sources.clone(),
    };
    let mut terms: BTreeMap<Digest, TermsAncestor> = BTreeMap::new();
    for set in &sealed.dataset.sources {
        let row = context.gateway.terms_in_force(set.terms_digest)?;
        let ancestor = TermsAncestor {
            key: row.key,
            name: row.name,
            effective: row.effective,
            digest: set.terms_digest,
        };
        terms.insert(set.terms_digest, ancestor);
    }
    Ok(Pedigree {
        v: VERSION,
        organization: context.organization.id,
        model: recipe.name.clone(),
        version,
        weights: trained.weights,
        trained: Some(trained.weights),
        signing_key: Some(context.model_signer.verifier().digest()),
        tokenizer: Digest::of_bytes(&trained.tokenizer_json),
        config: Digest::of_bytes(&trained.config_json),
        recipe: digest_of(&recipe.train)?,
        run: trained.run,
        run_leaf: trained.run_leaf,
        base_weights: None,
        datasets: vec![ancestor],
        terms: terms.into_values().collect(),
        code: context.code.clone(),
        at: context.ambient().now(),
    })
}

/// Checks a pedigree file against a key that the caller trusts.
///
/// # Errors
/// `pipeline::damaged_model` where it is no pedigree; `ledger::bad_signature`, `ledger::unknown_signer`.
pub fn verify_pedigree(text: &str, name: &str, key: &VerifierKey) -> Result<SignedPedigree, PipelineError> {
    let damaged = |e: serde_json::Error| PipelineError::DamagedModel {
        name: name.to_owned(),
        reason: format!("`pedigree.json` cannot be read: {e}"),
    };
    let signed: SignedPedigree = serde_json::from_str(text).map_err(damaged)?;
    cultivar_ledger::verify_pedigree(&signed, key)?;
    Ok(signed)
}
