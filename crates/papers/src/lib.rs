//! The papers that go with a model's weights and with a dataset, in formats that others read and check: the OpenSSF model signature,
//! SLSA provenance, a CycloneDX bill of materials, Croissant, what the public is told, and the pedigree as a drawing. From records to bytes.
//!
//! It reads no file and no clock, and does not know where a paper is put.

mod croissant;
mod cyclonedx;
mod disclosure;
mod drawing;
mod dsse;
mod error;
mod model_signature;
mod signer;
mod slsa;
mod tree;

pub use croissant::croissant;
pub use cyclonedx::bill_of_materials;
pub use disclosure::{Origins, training_data_page, training_summary};
pub use drawing::drawing;
pub use error::PapersError;
pub use model_signature::{sign_model, verify_model_signature};
pub use signer::{ModelSigner, ModelVerifier};
pub use slsa::{provenance, verify_provenance};
pub use tree::tree;

use std::collections::BTreeMap;

use cultivar_record::Digest;

/// Names of files in a model's folder and their digests.
pub type Files = BTreeMap<String, Digest>;
