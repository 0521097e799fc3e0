//! What was made from what was said: rows of sealed datasets, and models that learned from them. The rows go; the dataset and the
//! models are marked. The seal stays what it was: it says what the dataset once held.

use std::collections::{BTreeMap, HashSet};

use cultivar_gateway::Gateway;
use cultivar_record::{
    Digest, Erasure, Evidence, EvidenceItem, ExchangeId, MarkedDataset, MarkedModel, Market, Split, digest_of,
};
use cultivar_store::{
    Statements, StoreError, files,
    tables::{self, dataset::StoredDataset},
};
use serde::Deserialize;

use crate::ErasureError;

/// Of a row, what it was made from.
#[derive(Deserialize)]
struct Made {
    exchanges: Vec<ExchangeId>,
}

/// Takes the rows out of every dataset that holds some, and says which datasets have lost rows by this erasure. Whoever was killed
/// before finds the rest.
pub(crate) fn take_rows(gateway: &Gateway, erasure: &Erasure) -> Result<Vec<MarkedDataset>, ErasureError> {
    let erased: HashSet<ExchangeId> = erasure.exchanges.iter().map(|row| row.exchange).collect();
    let all = gateway.store().read(tables::dataset::list)?;
    let marked = all.iter().map(|stored| take_rows_of(gateway, stored, &erased));
    marked.filter_map(Result::transpose).collect()
}

fn take_rows_of(
    gateway: &Gateway,
    stored: &StoredDataset,
    erased: &HashSet<ExchangeId>,
) -> Result<Option<MarkedDataset>, ErasureError> {
    let dataset = &stored.dataset;
    let folder = gateway.dir().dataset(&dataset.name, dataset.version);
    let (mut splits, mut rows, mut is_marked) = (BTreeMap::new(), 0, false);
    let description = folder.join("croissant.json");
    for split in Split::ALL {
        let path = folder.join(format!("{split}.jsonl"));
        let Some(bytes) = files::read_if_any(&path)? else {
            continue;
        };
        let left = without(&bytes, erased)?;
        let digest = Digest::of_bytes(&left);
        if left.len() != bytes.len() {
            let described = files::read_if_any(&description)?.unwrap_or_default();
            let described = String::from_utf8_lossy(&described).replace(&Digest::of_bytes(&bytes).hex(), &digest.hex());
            gateway.dir().write(&path, &left)?;
            if !described.is_empty() {
                gateway.dir().write(&description, described.as_bytes())?;
            }
        }
        let sealed = dataset.splits.get(&split).map_or(0, |part| part.examples);
        let remaining = left.split_inclusive(|byte| *byte == b'\n').count();
        rows += sealed.saturating_sub(u64::try_from(remaining).unwrap_or(u64::MAX));
        is_marked |= Some(digest) != stored.digest_of_split(split);
        splits.insert(split, digest);
    }
    Ok(is_marked.then(|| MarkedDataset {
        dataset: dataset.id,
        name: dataset.name.clone(),
        version: dataset.version,
        seal: stored.digest,
        rows,
        splits,
    }))
}

/// The lines that were made from none of these exchanges.
fn without(bytes: &[u8], erased: &HashSet<ExchangeId>) -> Result<Vec<u8>, StoreError> {
    let mut left = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        // A row that cannot be read may be made from anything: nothing is said to be erased then.
        let made: Made =
            serde_json::from_slice(line).map_err(|e| StoreError::UnreadableRecord { reason: e.to_string() })?;
        if made.exchanges.iter().all(|exchange| !erased.contains(exchange)) {
            left.extend_from_slice(line);
        }
    }
    Ok(left)
}

/// The models that learned from these datasets.
pub(crate) fn learned(gateway: &Gateway, datasets: &[MarkedDataset]) -> Result<Vec<MarkedModel>, ErasureError> {
    let seals: HashSet<Digest> = datasets.iter().map(|dataset| dataset.seal).collect();
    let mut marked = Vec::new();
    for version in gateway.store().read(tables::model_version::list)? {
        let pedigree = version.pedigree;
        if pedigree.datasets.iter().any(|dataset| seals.contains(&dataset.digest)) {
            marked.push(MarkedModel {
                subject: digest_of(&pedigree)?,
                model: pedigree.model,
                version: pedigree.version,
            });
        }
    }
    Ok(marked)
}

/// Puts the erasure among the evidence of the models, in each market that wants it assessed: what was signed before is void there.
pub(crate) fn mark(tx: &mut dyn Statements, erasure: &Erasure, markets: &[Market]) -> Result<(), StoreError> {
    for model in &erasure.models {
        for market in markets {
            let known = tables::evidence::of(tx, model.subject, market)?;
            let mut evidence = known.unwrap_or_else(|| Evidence {
                organization: erasure.organization,
                subject: model.subject,
                market: market.clone(),
                items: Vec::new(),
            });
            evidence.items.retain(|item| item.key != EvidenceItem::ERASURE);
            evidence.items.push(EvidenceItem {
                key: EvidenceItem::ERASURE.to_owned(),
                document: Digest::of_bytes(erasure.id.to_string().as_bytes()),
                counts: None,
                by: erasure.by.clone(),
                at: erasure.at,
            });
            evidence.items.sort_by(|one, other| one.key.cmp(&other.key));
            tables::evidence::put(tx, &evidence)?;
        }
    }
    Ok(())
}
