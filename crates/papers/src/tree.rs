//! The pedigree as a tree of lines, for people to read.

use std::fmt::Write as _;

use cultivar_record::{Digest, Duties, Pedigree};

/// A node with what it descends from.
struct Node {
    text: String,
    below: Vec<Node>,
}

fn leaf(text: String) -> Node {
    Node {
        text,
        below: Vec::new(),
    }
}

/// The tree of a model: what it descends from, down to the documents, and what is owed.
pub fn tree(pedigree: &Pedigree, duties: &Duties) -> String {
    let mut below = vec![leaf(format!(
        "trained by run {} with {} (ledger entry {}), recipe {}",
        pedigree.run,
        pedigree.code,
        pedigree.run_leaf,
        short(&pedigree.recipe)
    ))];
    below.push(leaf(match &pedigree.base_weights {
        None => "from scratch: no base weights".to_owned(),
        Some(digest) => format!("base weights {}", short(digest)),
    }));
    below.extend(pedigree.datasets.iter().map(|dataset| {
        Node {
            text: format!(
                "dataset {}@{}  {} (ledger entry {})",
                dataset.name,
                dataset.version,
                short(&dataset.digest),
                dataset.leaf
            ),
            below: dataset
                .exchange_sets
                .iter()
                .map(|set| exchanges(pedigree, set))
                .collect(),
        }
    }));
    if !duties.duties.is_empty() {
        below.push(Node {
            text: "owed".to_owned(),
            below: duties
                .duties
                .iter()
                .map(|duty| leaf(format!("{} ({})", duty.owed, duty.terms)))
                .collect(),
        });
    }
    let mut text = format!(
        "{}@{}  {}\n",
        pedigree.model,
        pedigree.version,
        short(&pedigree.weights)
    );
    write(&mut text, &below, "");
    text.trim_end().to_owned()
}

fn exchanges(pedigree: &Pedigree, set: &cultivar_record::ExchangeSet) -> Node {
    let terms = pedigree.terms.iter().filter(|terms| terms.digest == set.terms_digest);
    Node {
        text: format!(
            "{} exchanges with {} ({}), permitted by verdict {}",
            set.exchanges, set.provider, set.provider_model, set.verdict
        ),
        below: terms
            .map(|terms| {
                leaf(format!(
                    "under {} ({}, effective {})  {}",
                    terms.name,
                    terms.key,
                    terms.effective,
                    short(&terms.digest)
                ))
            })
            .collect(),
    }
}

fn write(text: &mut String, nodes: &[Node], indent: &str) {
    for (place, node) in nodes.iter().enumerate() {
        let is_last = place + 1 == nodes.len();
        let (branch, below) = if is_last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let _ = writeln!(text, "{indent}{branch}{}", node.text);
        write(text, &node.below, &format!("{indent}{below}"));
    }
}

/// The first digits of a digest: enough to tell two apart by eye.
pub(crate) fn short(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("sha256:{}…", hex.get(..12).unwrap_or(&hex))
}
