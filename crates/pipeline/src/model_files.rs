//! A model on disk: `model.safetensors`, `tokenizer.json`, `config.json` in Hugging Face's layout, `card.md`, the papers
//! of [`crate::papers`], and last `manifest.json`.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use cultivar_model::{DecoderConfig, Student, Tokenizer};
use cultivar_papers::{ModelSigner, sign_model};
use cultivar_record::{Digest, Duties, Pedigree, Split, canonical_json};
use cultivar_store::{DataDir, files};

use crate::{
    PipelineError,
    dataset_files::SealedDataset,
    papers::{self, CONFIG, Keys, MANIFEST, PEDIGREE, SIGNATURE, TOKENIZER, VerifiedModel, WEIGHTS},
};

/// File name to digest.
type Manifest = BTreeMap<String, Digest>;

/// Writes a model's files, the signature over all of them, and last the manifest.
pub(crate) fn write_model(
    dir: &DataDir,
    pedigree: &Pedigree,
    parts: Vec<(&str, Vec<u8>)>,
    signer: &ModelSigner,
) -> Result<(), PipelineError> {
    let folder = dir.model(&pedigree.model, pedigree.version);
    // What a killed process left there has no row and no entry.
    files::remove_folder(&folder)?;
    let mut manifest = Manifest::new();
    for (name, bytes) in parts {
        dir.write(&folder.join(name), &bytes)?;
        manifest.insert(name.to_owned(), Digest::of_bytes(&bytes));
    }
    let text = canonical_json(&manifest)?;
    manifest.insert(MANIFEST.to_owned(), Digest::of_bytes(text.as_bytes()));
    let name = format!("{}@{}", pedigree.model, pedigree.version);
    dir.write(
        &folder.join(SIGNATURE),
        sign_model(signer, &name, &manifest)?.as_bytes(),
    )?;
    Ok(dir.write(&folder.join(MANIFEST), text.as_bytes())?)
}

pub(crate) fn card(
    pedigree: &Pedigree,
    dataset: &SealedDataset,
    (duties, attribution): (&Duties, Option<&str>),
) -> String {
    let mut card = format!(
        "# {} {}\n\nTrained from scratch by run `{}` on `{}` conversations. Weights: `{}`.\n\n## Descends from\n\n",
        pedigree.model,
        pedigree.version,
        pedigree.run,
        dataset.examples(Split::Train).len(),
        pedigree.weights
    );
    for terms in &pedigree.terms {
        let _ = writeln!(
            card,
            "- data under {} (`{}`, effective {})",
            terms.name, terms.key, terms.effective
        );
    }
    if let Some(attribution) = attribution {
        let _ = writeln!(card, "- {attribution}");
    }
    if !duties.duties.is_empty() {
        card.push_str("\n## Owed\n\n");
    }
    for duty in &duties.duties {
        let _ = writeln!(card, "- {} (`{}`)", duty.owed, duty.terms);
    }
    card.push_str("\nThe signed pedigree beside this card names every exchange set, dataset, verdict and digest.\n");
    card
}

/// Reads a model's files and checks each against the manifest.
fn read_parts(dir: &DataDir, model: &str, version: u32) -> Result<BTreeMap<String, Vec<u8>>, PipelineError> {
    let folder = dir.model(model, version);
    let damaged = |reason: String| PipelineError::DamagedModel {
        name: format!("{model}@{version}"),
        reason,
    };
    let read = |name: &str| -> Result<Vec<u8>, PipelineError> {
        files::read_if_any(&folder.join(name))?.ok_or_else(|| damaged(format!("`{name}` is missing")))
    };
    let manifest = read(MANIFEST)?;
    let manifest: Manifest =
        serde_json::from_slice(&manifest).map_err(|e| damaged(format!("`{MANIFEST}` cannot be read: {e}")))?;
    let mut parts = BTreeMap::new();
    for (name, digest) in manifest {
        let bytes = read(&name)?;
        if Digest::of_bytes(&bytes) != digest {
            return Err(damaged(format!("`{name}` is not the one that was published")));
        }
        parts.insert(name, bytes);
    }
    for name in [WEIGHTS, TOKENIZER, CONFIG, PEDIGREE] {
        if !parts.contains_key(name) {
            return Err(damaged(format!("`{MANIFEST}` does not name `{name}`")));
        }
    }
    Ok(parts)
}

fn part<'a>(parts: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a [u8] {
    parts.get(name).map_or(&[], Vec::as_slice)
}

/// Opens a published student.
///
/// # Errors
/// `pipeline::damaged_model`, or what the model crate finds wrong with its parts.
pub fn open_student(dir: &DataDir, model: &str, version: u32) -> Result<Student, PipelineError> {
    let parts = read_parts(dir, model, version)?;
    Ok(Student::from_bytes(
        part(&parts, WEIGHTS),
        part(&parts, CONFIG),
        part(&parts, TOKENIZER),
    )?)
}

/// What a published model is made of, besides its weights.
pub(crate) fn shape(dir: &DataDir, pedigree: &Pedigree) -> Result<(Tokenizer, DecoderConfig), PipelineError> {
    let parts = read_parts(dir, &pedigree.model, pedigree.version)?;
    Ok((
        Tokenizer::from_json(part(&parts, TOKENIZER))?,
        DecoderConfig::from_json(part(&parts, CONFIG))?,
    ))
}

/// Checks a published model's folder: every file against the manifest, and every paper against every other.
///
/// # Errors
/// `pipeline::damaged_model`, or the paper's own error.
pub fn verify_model(folder: &Path, name: &str, keys: &Keys) -> Result<VerifiedModel, PipelineError> {
    let mut all = BTreeMap::new();
    for file in files::names_in(folder)? {
        let bytes = files::read_if_any(&folder.join(&file))?;
        all.insert(file, bytes.unwrap_or_default());
    }
    let damaged = |reason: String| PipelineError::DamagedModel {
        name: name.to_owned(),
        reason,
    };
    let manifest = all
        .get(MANIFEST)
        .ok_or_else(|| damaged(format!("`{MANIFEST}` is missing")))?;
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|e| damaged(format!("`{MANIFEST}` cannot be read: {e}")))?;
    for (file, digest) in manifest {
        let bytes = all.get(&file).ok_or_else(|| damaged(format!("`{file}` is missing")))?;
        if Digest::of_bytes(bytes) != digest {
            return Err(damaged(format!("`{file}` is not the one that was published")));
        }
    }
    papers::verify(name, &all, keys)
}
