//! Pedigrees: everything that a model's weights descend from.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, ExchangeSet, LeafIndex, OrganizationId, RecordError, RunId, TermsKey, Timestamp, canonical_json, digest_of,
};

/// A version of terms that binds some ancestor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsAncestor {
    /// The row of the register.
    pub key: TermsKey,
    /// The document.
    pub name: String,
    /// From when it holds.
    pub effective: String,
    /// Digest of its facts.
    pub digest: Digest,
}

/// A dataset among the ancestors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetAncestor {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The digest of its manifest.
    pub digest: Digest,
    /// Where the ledger holds its seal.
    pub leaf: LeafIndex,
    /// The exchange sets in it.
    pub exchange_sets: Vec<ExchangeSet>,
}

/// The statement of everything that a model's weights descend from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pedigree {
    /// Version of this shape.
    pub v: u32,
    /// Whose model.
    pub organization: OrganizationId,
    /// The model's name.
    pub model: String,
    /// Its version, from 1.
    pub version: u32,
    /// Digest of `model.safetensors`.
    pub weights: Digest,
    /// Digest of the weights as the run ended with them: the same tensors, before the file's header named this pedigree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained: Option<Digest>,
    /// Digest of the key that signs the model's other papers (DER of the P-256 public key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<Digest>,
    /// Digest of `tokenizer.json`.
    pub tokenizer: Digest,
    /// Digest of `config.json`.
    pub config: Digest,
    /// Digest of the recipe, as canonical JSON.
    pub recipe: Digest,
    /// The run that made it.
    pub run: RunId,
    /// Where the ledger holds the end of that run.
    pub run_leaf: LeafIndex,
    /// The base weights it started from; `None` means from scratch.
    pub base_weights: Option<Digest>,
    /// The datasets.
    pub datasets: Vec<DatasetAncestor>,
    /// Every version of terms among the ancestors.
    pub terms: Vec<TermsAncestor>,
    /// The program that trained it.
    pub code: String,
    /// When.
    pub at: Timestamp,
}

impl Pedigree {
    /// The digest of everything in it but the digest of the weights' file: the file's header holds it, so that weights that travel
    /// alone still name their pedigree.
    ///
    /// # Errors
    /// `record::not_canonical`.
    pub fn origin(&self) -> Result<Digest, RecordError> {
        let mut fields: std::collections::BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&canonical_json(self)?).unwrap_or_default();
        fields.remove("weights");
        digest_of(&fields)
    }
}

/// A pedigree with its Ed25519 signature over the line `cultivar/pedigree/v1` and the canonical JSON of `pedigree`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPedigree {
    /// The statement.
    pub pedigree: Pedigree,
    /// The verifier key, as a C2SP signed-note vkey.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
    /// That the ledger holds the entries that it names: C2SP tlog-proofs, each with its entry. They need no signature of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<String>,
}
