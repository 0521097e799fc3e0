//! `evidence`: what a market asks for before a model of one's own is offered in it, and what is there.

mod page;

use std::{fmt::Write as _, path::Path};

use cultivar_attest::{ChecklistItem, Source};
use cultivar_cli::{EvidenceCommand, EvidenceOf};
use cultivar_record::{Counts, Digest, EvidenceItem};
use cultivar_store::files;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::approval::{Fault, tell_faults};
use crate::{
    admin::{Ask, ask, object, query},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

const EVIDENCE: &str = "/api/evidence";

/// Evidence as the admin API shows it.
#[derive(Deserialize, Serialize)]
struct Shown {
    digest: Digest,
    complete: bool,
    checklist: Vec<ChecklistItem>,
    items: Vec<EvidenceItem>,
    faults: Vec<Fault>,
}

pub(crate) fn run(command: EvidenceCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let request = match command {
        EvidenceCommand::Show { which } => {
            let EvidenceOf {
                model,
                provider,
                market,
            } = which;
            let market = Some(market.to_string());
            Ask::get(query(
                EVIDENCE,
                &[("model", Some(model)), ("provider", provider), ("market", market)],
            ))
        }
        EvidenceCommand::Set { items, which, by } => {
            let items: Vec<Value> = items
                .iter()
                .map(|(key, file)| item(key, file))
                .collect::<Result<_, _>>()?;
            let body = object([
                ("model", Some(Value::from(which.model))),
                ("provider", which.provider.map(Value::from)),
                ("market", Some(json!(which.market))),
                ("by", Some(by.into())),
                ("items", Some(items.into())),
            ]);
            Ask::put(EVIDENCE, body)
        }
        EvidenceCommand::Page(args) => return page::run(&args, config, terminal),
    };
    let shown: Shown = ask(config, request)?.json()?;
    terminal.result(&words(&shown), &shown);
    Ok(())
}

/// An item's digest, and its counts where the file has some.
fn item(key: &str, file: &Path) -> Result<Value, Failure> {
    let bytes = files::read(file)?;
    let counts = serde_json::from_slice::<Counts>(&bytes).ok();
    Ok(object([
        ("key", Some(Value::from(key))),
        ("document", Some(json!(Digest::of_bytes(&bytes)))),
        ("counts", counts.map(|counts| json!(counts))),
    ]))
}

fn words(shown: &Shown) -> String {
    let mut text = format!("evidence {}", shown.digest);
    if shown.checklist.is_empty() {
        text.push_str("\n  this market asks for none");
    }
    for each in &shown.checklist {
        let there = shown.items.iter().find(|item| item.key == each.key);
        let state = match (there, each.from) {
            (Some(item), _) => match item.counts {
                Some(counts) => format!("{} of {}, by {}", counts.counted, counts.asked, item.by),
                None => format!("there, by {}", item.by),
            },
            (None, Source::Ledger) => "from the records".to_owned(),
            (None, Source::File) if each.mandatory => "missing".to_owned(),
            (None, Source::File) => "not handed in; not mandatory".to_owned(),
        };
        let _ = write!(text, "\n  {:<20} {}: {state}\n    {}", each.key, each.name, each.source);
    }
    tell_faults(&mut text, &shown.faults);
    text
}
