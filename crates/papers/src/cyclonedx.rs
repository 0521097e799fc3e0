//! `mlbom.cdx.json`: a bill of materials in CycloneDX 1.6: the model, its card, the datasets that it was trained on and their licences.
//! Source: <https://cyclonedx.org/docs/1.6/json/>.

use cultivar_record::{Duties, Pedigree, Terms, canonical_json};
use serde_json::{Value, json};

use crate::PapersError;

/// The bill of a model whose training data `terms` bind.
///
/// # Errors
/// `record::not_canonical`.
pub fn bill_of_materials(pedigree: &Pedigree, terms: &[Terms], duties: &Duties) -> Result<String, PapersError> {
    let datasets: Vec<Value> = pedigree
        .datasets
        .iter()
        .map(|dataset| of_dataset(dataset, terms))
        .collect();
    let references: Vec<Value> = pedigree
        .datasets
        .iter()
        .map(|dataset| json!({ "ref": reference(&dataset.name, dataset.version) }))
        .collect();
    let owed: Vec<String> = duties
        .duties
        .iter()
        .map(|duty| format!("{} ({})", duty.owed, duty.terms))
        .collect();
    let bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", pedigree.run),
        "version": pedigree.version,
        "metadata": {
            "timestamp": pedigree.at,
            "tools": { "components": [{ "type": "application", "name": pedigree.code }] },
            "component": {
                "type": "machine-learning-model",
                "bom-ref": format!("model:{}@{}", pedigree.model, pedigree.version),
                "name": pedigree.model,
                "version": pedigree.version.to_string(),
                "hashes": [{ "alg": "SHA-256", "content": pedigree.weights.hex() }],
                "modelCard": {
                    "modelParameters": {
                        "task": "text-generation",
                        "architectureFamily": "transformer decoder",
                        "datasets": references,
                    },
                    "considerations": { "technicalLimitations": owed },
                },
                "properties": [
                    { "name": "cultivar:run", "value": pedigree.run.to_string() },
                    { "name": "cultivar:recipe", "value": pedigree.recipe.to_string() },
                    { "name": "cultivar:ledger-leaf", "value": pedigree.run_leaf.to_string() },
                ],
            },
        },
        "components": datasets,
        "dependencies": [{
            "ref": format!("model:{}@{}", pedigree.model, pedigree.version),
            "dependsOn": pedigree.datasets.iter().map(|dataset| reference(&dataset.name, dataset.version)).collect::<Vec<_>>(),
        }],
    });
    Ok(canonical_json(&bill)?)
}

fn reference(name: &str, version: u32) -> String {
    format!("dataset:{name}@{version}")
}

fn of_dataset(dataset: &cultivar_record::DatasetAncestor, terms: &[Terms]) -> Value {
    let licences: Vec<Value> = terms
        .iter()
        .filter(|row| dataset.exchange_sets.iter().any(|set| set.terms == row.key))
        .map(|row| match (&row.spdx, &row.licenseref) {
            (Some(id), _) => json!({ "license": { "id": id } }),
            (None, Some(name)) => json!({ "license": { "name": name } }),
            (None, None) => json!({ "license": { "name": row.name } }),
        })
        .collect();
    let sources: Vec<Value> = dataset
        .exchange_sets
        .iter()
        .map(|set| {
            let value = format!(
                "{} exchanges with {} ({}) under {}",
                set.exchanges, set.provider, set.provider_model, set.terms
            );
            json!({ "name": "cultivar:exchange-set", "value": value })
        })
        .collect();
    json!({
        "type": "data",
        "bom-ref": reference(&dataset.name, dataset.version),
        "name": dataset.name,
        "version": dataset.version.to_string(),
        "hashes": [{ "alg": "SHA-256", "content": dataset.digest.hex() }],
        "licenses": licences,
        "data": [{ "type": "dataset", "name": dataset.name }],
        "properties": sources,
    })
}
