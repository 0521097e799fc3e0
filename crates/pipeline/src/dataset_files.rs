//! A sealed dataset on disk: `train.jsonl`, `validation.jsonl`, `test.jsonl`, `privacy.json`, `card.md`, `croissant.json`, and
//! last `manifest.json`. What was hashed is what is stored: each row is canonical JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use cultivar_gateway::Gateway;
use cultivar_papers::croissant;
use cultivar_privacy::PrivacyReport;
use cultivar_record::{ByteCount, Dataset, Digest, Example, Split, SplitSummary, Terms, canonical_json, digest_of};
use cultivar_store::{DataDir, files, tables::dataset::StoredDataset};

use crate::{PipelineError, curate::text_bytes};

/// A sealed dataset, checked against its digests.
#[derive(Clone, Debug)]
pub struct SealedDataset {
    /// Its manifest, digest and place in the ledger.
    pub stored: StoredDataset,
    examples: BTreeMap<Split, Vec<Example>>,
}

impl SealedDataset {
    /// The rows of a split.
    pub fn examples(&self, split: Split) -> &[Example] {
        self.examples.get(&split).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn describe(&self) -> String {
        let Dataset { name, version, .. } = &self.stored.dataset;
        let sizes: Vec<String> = Split::ALL
            .iter()
            .map(|s| format!("{} {s}", self.examples(*s).len()))
            .collect();
        format!("`{name}@{version}`: {}; {}", sizes.join(", "), self.stored.digest)
    }
}

fn file_name(split: Split) -> String {
    format!("{split}.jsonl")
}

/// Writes everything, the manifest last; returns the manifest with the digests of its parts.
pub(crate) fn write_dataset(
    dir: &DataDir,
    dataset: Dataset,
    splits: &BTreeMap<Split, Vec<Example>>,
    privacy: &PrivacyReport,
    gateway: &Gateway,
    attribution: Option<&str>,
) -> Result<Dataset, PipelineError> {
    let folder = dir.dataset(&dataset.name, dataset.version);
    // What a killed process left there has no row and no seal.
    files::remove_folder(&folder)?;
    let mut dataset = dataset;
    for (split, examples) in splits {
        let mut text = String::new();
        for example in examples {
            text.push_str(&canonical_json(example)?);
            text.push('\n');
        }
        dir.write(&folder.join(file_name(*split)), text.as_bytes())?;
        let summary = SplitSummary {
            examples: u64::try_from(examples.len()).unwrap_or(u64::MAX),
            text: examples.iter().map(text_bytes).sum::<ByteCount>(),
            digest: Digest::of_bytes(text.as_bytes()),
        };
        dataset.splits.insert(*split, summary);
    }
    dir.write(&folder.join("privacy.json"), canonical_json(privacy)?.as_bytes())?;
    let terms = terms_of(&dataset, gateway)?;
    dir.write(&folder.join("card.md"), card(&dataset, &terms, attribution).as_bytes())?;
    dir.write(&folder.join("croissant.json"), croissant(&dataset, &terms)?.as_bytes())?;
    dir.write(&folder.join("manifest.json"), canonical_json(&dataset)?.as_bytes())?;
    Ok(dataset)
}

/// The terms that bind the sources, each once, in their order.
fn terms_of(dataset: &Dataset, gateway: &Gateway) -> Result<Vec<Terms>, PipelineError> {
    let digests: BTreeSet<Digest> = dataset.sources.iter().map(|set| set.terms_digest).collect();
    let read = |digest| gateway.terms_in_force(digest).map_err(PipelineError::from);
    digests.into_iter().map(read).collect()
}

/// The card that people read: what it is, from whom, under which terms, what is owed.
fn card(dataset: &Dataset, terms: &[Terms], attribution: Option<&str>) -> String {
    let mut card = format!(
        "# {} {}\n\nSealed at {}.\n\n## Parts\n\n",
        dataset.name, dataset.version, dataset.sealed_at
    );
    for (split, summary) in &dataset.splits {
        let _ = writeln!(
            card,
            "- {split}: {} conversations, {}, `{}`",
            summary.examples, summary.text, summary.digest
        );
    }
    card.push_str("\n## Sources\n\n");
    for set in &dataset.sources {
        let _ = write!(
            card,
            "- {} exchanges with `{}` under {}",
            set.exchanges, set.provider, set.terms
        );
        if let Some(row) = terms.iter().find(|row| row.key == set.terms) {
            let (name, effective, source, attribution) = (&row.name, &row.effective, &row.source, &row.attribution);
            let _ = write!(
                card,
                " ({name}; effective {effective}; source: {source}; attribution: {attribution})"
            );
        }
        card.push('\n');
    }
    if let Some(attribution) = attribution {
        let _ = writeln!(card, "\n## Attribution\n\n{attribution}");
    }
    card.push_str("\n## Left out\n\n");
    for dropped in &dataset.dropped {
        let _ = writeln!(card, "- {}: {}", dropped.reason, dropped.conversations);
    }
    card
}

/// Reads a dataset and checks every part against the manifest and the manifest against its digest.
///
/// # Errors
/// `pipeline::damaged_dataset` or `pipeline::unreadable_row`.
pub fn open_dataset(dir: &DataDir, stored: StoredDataset) -> Result<SealedDataset, PipelineError> {
    let Dataset {
        name, version, splits, ..
    } = &stored.dataset;
    let folder = dir.dataset(name, *version);
    let damaged = |reason: String| PipelineError::DamagedDataset {
        name: format!("{name}@{version}"),
        reason,
    };
    let read = |name: &str| -> Result<Vec<u8>, PipelineError> {
        files::read_if_any(&folder.join(name))?.ok_or_else(|| damaged(format!("`{name}` is missing")))
    };
    let manifest = read("manifest.json")?;
    if Digest::of_bytes(&manifest) != stored.digest || digest_of(&stored.dataset)? != stored.digest {
        return Err(damaged("`manifest.json` is not the one that was sealed".to_owned()));
    }
    let mut examples = BTreeMap::new();
    for split in splits.keys() {
        let name = file_name(*split);
        let bytes = read(&name)?;
        if Some(Digest::of_bytes(&bytes)) != stored.digest_of_split(*split) {
            return Err(damaged(format!("`{name}` is not the one that was sealed")));
        }
        let path = folder.join(name);
        let text = String::from_utf8_lossy(&bytes);
        let rows = text.lines().enumerate().map(|(at, line)| {
            serde_json::from_str::<Example>(line).map_err(|e| PipelineError::UnreadableRow {
                path: path.display().to_string(),
                line: at + 1,
                reason: e.to_string(),
            })
        });
        examples.insert(*split, rows.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(SealedDataset { stored, examples })
}

/// Checks a dataset: digests, and that no conversation stands in two splits. Returns how many conversations it has.
pub fn verify_dataset(dir: &DataDir, stored: StoredDataset) -> Result<usize, PipelineError> {
    let sealed = open_dataset(dir, stored)?;
    let mut seen = BTreeSet::new();
    for example in sealed.examples.values().flatten() {
        if !seen.insert(example.conversation) {
            let Dataset { name, version, .. } = &sealed.stored.dataset;
            let reason = format!("conversation {} stands there twice", example.conversation);
            return Err(PipelineError::DamagedDataset {
                name: format!("{name}@{version}"),
                reason,
            });
        }
    }
    Ok(seen.len())
}
