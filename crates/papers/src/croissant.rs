//! `croissant.json`: a dataset in Croissant 1.1, with where it comes from in PROV and what may be done with it in ODRL.
//! Sources: <https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html>, <https://www.w3.org/TR/prov-o/>.

use cultivar_record::{Dataset, FactName, Split, Terms, canonical_json};
use serde_json::{Value, json};

use crate::PapersError;

/// The description of a sealed dataset whose files are `train.jsonl`, `validation.jsonl` and `test.jsonl`, and which `terms` bind.
///
/// # Errors
/// `record::not_canonical`.
pub fn croissant(dataset: &Dataset, terms: &[Terms]) -> Result<String, PapersError> {
    let files: Vec<Value> = dataset
        .splits
        .iter()
        .map(|(split, part)| {
            json!({
                "@type": "cr:FileObject",
                "@id": file(*split),
                "name": file(*split),
                "contentUrl": file(*split),
                "encodingFormat": "application/jsonlines",
                "sha256": part.digest.hex(),
            })
        })
        .collect();
    let records: Vec<Value> = dataset.splits.keys().map(|split| record_set(*split)).collect();
    let licences: Vec<String> = terms.iter().map(licence).collect();
    let derived: Vec<Value> = dataset
        .sources
        .iter()
        .map(|set| {
            json!({
                "@type": "prov:Entity",
                "@id": format!("urn:cultivar:exchanges:{}", set.digest.hex()),
                "name": format!("{} exchanges with {} ({})", set.exchanges, set.provider, set.provider_model),
                "license": set.terms,
            })
        })
        .collect();
    let described = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": dataset.name,
        "description": format!("Conversations of `{}`, desensitised, without near-duplicates, split by conversation.", dataset.name),
        "version": format!("{}.0.0", dataset.version),
        "datePublished": dataset.sealed_at,
        "license": licences,
        "url": format!("urn:cultivar:dataset:{}", dataset.id),
        "creator": { "@type": "sc:Organization", "name": dataset.organization },
        "citeAs": format!("{}@{}", dataset.name, dataset.version),
        "distribution": files,
        "recordSet": records,
        "prov:wasDerivedFrom": derived,
        "usageInfo": terms.iter().map(offer).collect::<Vec<_>>(),
        "rai:dataCollection": "Each exchange was permitted under its terms before it was asked, and recorded in a tamper-evident ledger.",
        "rai:personalSensitiveInformation": "Personal data is replaced by surrogates; privacy.json beside this file counts what was found.",
    });
    Ok(canonical_json(&described)?)
}

fn file(split: Split) -> String {
    format!("{split}.jsonl")
}

fn record_set(split: Split) -> Value {
    let field = |name: &str, of: &str| {
        json!({
            "@type": "cr:Field",
            "@id": format!("{split}/{name}"),
            "name": name,
            "dataType": "sc:Text",
            "source": { "fileObject": { "@id": file(split) }, "extract": { "column": of } },
        })
    };
    let list = |field: Value| with(field, json!({ "isArray": true, "arrayShape": "-1" }));
    let part = |name: &str| {
        let source = json!({
            "fileObject": { "@id": file(split) },
            "extract": { "column": "messages" },
            "transform": { "jsonPath": format!("$.{name}") },
        });
        with(
            field(&format!("messages/{name}"), "messages"),
            json!({ "source": source }),
        )
    };
    let messages = json!({
        "@type": "cr:Field",
        "@id": format!("{split}/messages"),
        "name": "messages",
        "subField": [part("role"), part("content")],
    });
    json!({
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": "one conversation a row",
        "field": [
            field("conversation", "conversation"),
            list(messages),
            list(field("exchanges", "exchanges")),
            list(field("terms", "terms")),
        ],
    })
}

/// An object with more members.
fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn licence(row: &Terms) -> String {
    let named = row.spdx.as_ref().map(|id| format!("https://spdx.org/licenses/{id}"));
    named
        .or_else(|| row.licenseref.clone())
        .unwrap_or_else(|| row.key.to_string())
}

/// The answers of a row as an offer; the words for training are ours, for ODRL has none.
fn offer(row: &Terms) -> Value {
    let action = |fact: FactName, action: &str| json!({ "odrl:action": { "@id": format!("cv:{action}") }, "cv:fact": row.fact(fact).as_str(), "cv:clause": row.clause });
    json!({
        "@type": "odrl:Offer",
        "@id": format!("urn:cultivar:terms:{}", row.key),
        "odrl:permission": [
            action(FactName::TrainAny, "train"),
            action(FactName::TrainCompeting, "trainCompeting"),
            action(FactName::PublishOutputs, "publish"),
        ],
    })
}

/// The terms of the specification's context that are of its own vocabulary, each under its name.
const TERMS: [&str; 29] = [
    "arrayShape",
    "citeAs",
    "column",
    "containedIn",
    "equivalentProperty",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isArray",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
];

/// The context of the specification, with the vocabularies of provenance and rights.
fn context() -> Value {
    let terms = TERMS
        .iter()
        .map(|term| ((*term).to_owned(), format!("cr:{term}").into()));
    let others = json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "cv": "urn:cultivar:vocabulary:",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "odrl": "http://www.w3.org/ns/odrl/2/",
        "prov": "http://www.w3.org/ns/prov#",
        "sc": "https://schema.org/",
        "data": { "@id": "cr:data", "@type": "@json" },
        "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
        "description": { "@container": "@language" },
        "examples": { "@id": "cr:examples", "@type": "@json" },
        "name": { "@container": "@language" },
    });
    with(others, Value::Object(terms.collect()))
}
