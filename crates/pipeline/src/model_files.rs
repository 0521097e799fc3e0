//! A model on disk: `model.safetensors`, `tokenizer.json`, `config.json` in Hugging Face's layout, `card.md`, `duties.json`,
//! `pedigree.json`, and last `manifest.json`.

use std::{collections::BTreeMap, fmt::Write as _};

use cultivar_ledger::VerifierKey;
use cultivar_model::{DecoderConfig, Student, Tokenizer};
use cultivar_record::{Digest, Duties, Pedigree, SignedPedigree, Split, canonical_json};
use cultivar_store::{DataDir, files};

use crate::{PipelineError, dataset_files::SealedDataset, pedigree::verify_pedigree, train::Trained};

const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "config.json";
const CARD: &str = "card.md";
const DUTIES: &str = "duties.json";
const PEDIGREE: &str = "pedigree.json";
const MANIFEST: &str = "manifest.json";

/// File name to digest.
type Manifest = BTreeMap<String, Digest>;

pub(crate) fn write_model(
    dir: &DataDir,
    signed: &SignedPedigree,
    trained: &Trained,
    dataset: &SealedDataset,
    (duties, attribution): (&Duties, Option<&str>),
) -> Result<(), PipelineError> {
    let folder = dir.model(&signed.pedigree.model, signed.pedigree.version);
    // What a killed process left there has no row and no entry.
    files::remove_folder(&folder)?;
    let (pedigree, owed) = (canonical_json(signed)?, canonical_json(duties)?);
    let card = card(&signed.pedigree, dataset, (duties, attribution));
    let parts: [(&str, &[u8]); 6] = [
        (WEIGHTS, &trained.weights_bytes),
        (TOKENIZER, &trained.tokenizer_json),
        (CONFIG, &trained.config_json),
        (CARD, card.as_bytes()),
        (DUTIES, owed.as_bytes()),
        (PEDIGREE, pedigree.as_bytes()),
    ];
    let mut manifest = Manifest::new();
    for (name, bytes) in parts {
        dir.write(&folder.join(name), bytes)?;
        manifest.insert(name.to_owned(), Digest::of_bytes(bytes));
    }
    Ok(dir.write(&folder.join(MANIFEST), canonical_json(&manifest)?.as_bytes())?)
}

fn card(pedigree: &Pedigree, dataset: &SealedDataset, (duties, attribution): (&Duties, Option<&str>)) -> String {
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

/// Checks a published model: every file against the manifest, the pedigree's signature, and that the pedigree is about these
/// weights.
pub fn verify_model(
    dir: &DataDir,
    model: &str,
    version: u32,
    key: &VerifierKey,
) -> Result<SignedPedigree, PipelineError> {
    let parts = read_parts(dir, model, version)?;
    let name = format!("{model}@{version}");
    let text = String::from_utf8_lossy(part(&parts, PEDIGREE)).into_owned();
    let signed = verify_pedigree(&text, &name, key)?;
    let stated = [
        (WEIGHTS, signed.pedigree.weights),
        (TOKENIZER, signed.pedigree.tokenizer),
        (CONFIG, signed.pedigree.config),
    ];
    for (file, digest) in stated {
        if Digest::of_bytes(part(&parts, file)) != digest {
            return Err(PipelineError::DamagedModel {
                name,
                reason: format!("the pedigree is about another `{file}`"),
            });
        }
    }
    Ok(signed)
}
