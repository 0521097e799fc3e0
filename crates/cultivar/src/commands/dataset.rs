//! `dataset`: sealed datasets.

use cultivar_cli::DatasetCommand;
use cultivar_pipeline::verify_dataset;
use cultivar_record::Split;
use cultivar_store::{
    Store,
    tables::{self, dataset::StoredDataset},
};
use serde_json::{Value, json};

use super::model::split_version;
use crate::{
    config::Config,
    failure::{CliError, Failure},
    opened::look,
    terminal::Terminal,
};

pub(crate) fn run(command: &DatasetCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let (dir, store) = look(config)?;
    match command {
        DatasetCommand::List => {
            let all = store.read(tables::dataset::list)?;
            let lines: Vec<String> = all.iter().map(line).collect();
            let values: Vec<Value> = all.iter().map(value).collect();
            terminal.list(
                &lines,
                &values,
                "no datasets yet; `cultivar build` or `cultivar demo` makes the first",
            );
        }
        DatasetCommand::Show { name } => {
            let stored = find(&store, name)?;
            let text = serde_json::to_string_pretty(&stored.dataset).unwrap_or_default();
            terminal.result(&format!("{}\n{text}", line(&stored)), &value(&stored));
        }
        DatasetCommand::Verify { name } => {
            let stored = find(&store, name)?;
            let value = value(&stored);
            let line = line(&stored);
            let conversations = verify_dataset(&dir, stored).map_err(Failure::verification)?;
            terminal.result(&format!("verified: {conversations} conversations of {line}"), &value);
        }
    }
    Ok(())
}

/// A version of a dataset, the newest where none is named.
pub(crate) fn find(store: &Store, name: &str) -> Result<StoredDataset, Failure> {
    let (plain, version) = split_version(name);
    let versions = store.read(|tx| tables::dataset::versions(tx, plain))?;
    let found = versions
        .into_iter()
        .rev()
        .find(|stored| version.is_none_or(|v| v == stored.dataset.version));
    Ok(found.ok_or_else(|| CliError::NotFound {
        what: "dataset",
        name: name.to_owned(),
    })?)
}

fn line(stored: &StoredDataset) -> String {
    let dataset = &stored.dataset;
    let examples = |split| dataset.splits.get(&split).map_or(0, |summary| summary.examples);
    let sizes: Vec<String> = Split::ALL
        .iter()
        .map(|split| format!("{} {split}", examples(*split)))
        .collect();
    let marked = stored.marked.as_ref();
    format!(
        "{}@{}  {}  entry {}  {}{}",
        dataset.name,
        dataset.version,
        sizes.join(", "),
        stored.leaf,
        stored.digest,
        marked.map_or(String::new(), |marked| format!("  {} rows erased since", marked.rows))
    )
}

fn value(stored: &StoredDataset) -> Value {
    json!({ "dataset": stored.dataset, "digest": stored.digest, "leaf": stored.leaf, "marked": stored.marked })
}
