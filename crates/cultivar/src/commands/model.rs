//! `model`: models of one's own.

use std::sync::Arc;

use cultivar_gateway::LedgerFiles;
use cultivar_pipeline::{Interrupt, retire, verify_model};
use cultivar_store::{
    Store, StoreError, files,
    tables::{self, model_version::StoredModel},
};
use serde_json::{Value, json};

use crate::{
    cli::ModelCommand,
    config::Config,
    failure::{CliError, Failure},
    opened::{Opened, look, runtime},
    progress::TerminalProgress,
    terminal::Terminal,
};

pub(crate) fn run(command: &ModelCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    if let ModelCommand::Retire { name } = command {
        return withdraw(name, config, terminal);
    }
    let (dir, store) = look(config)?;
    match command {
        ModelCommand::List => {
            let all = store.read(tables::model_version::list)?;
            let lines: Vec<String> = all.iter().map(line).collect();
            let values: Vec<Value> = all.iter().map(value).collect();
            terminal.list(
                &lines,
                &values,
                "no models yet; `cultivar build` or `cultivar demo` makes the first",
            );
        }
        ModelCommand::Show { name } => {
            let stored = find(&store, name)?;
            let folder = dir.model(&stored.pedigree.model, stored.pedigree.version);
            let card = files::read_text(&folder.join("card.md"))?;
            terminal.result(&format!("{}\n\n{card}", line(&stored)), &value(&stored));
        }
        ModelCommand::Verify { name } => {
            let stored = find(&store, name)?;
            let missing = || StoreError::NoData {
                path: dir.ledger().display().to_string(),
            };
            let key = LedgerFiles::new(dir.ledger())
                .verifier_key()?
                .ok_or_else(missing)?
                .parse()?;
            let pedigree = &stored.pedigree;
            let signed = verify_model(&dir, &pedigree.model, pedigree.version, &key).map_err(Failure::verification)?;
            terminal.result(
                &format!("verified: {}\nsigned by {}", line(&stored), signed.key),
                &signed,
            );
        }
        ModelCommand::Pedigree { name } => {
            let pedigree = find(&store, name)?.pedigree;
            let text = files::read_text(&dir.model(&pedigree.model, pedigree.version).join("pedigree.json"))?;
            let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            terminal.result(&serde_json::to_string_pretty(&value).unwrap_or_default(), &value);
        }
        ModelCommand::Retire { .. } => {}
    }
    Ok(())
}

fn withdraw(name: &str, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let opened = Opened::existing(config)?;
        let pedigree = find(opened.gateway.store(), name)?.pedigree;
        let context = opened
            .context(Arc::new(TerminalProgress::new(terminal, 0)), Interrupt::default())
            .await?;
        let instead = retire(&context, &pedigree.model, pedigree.version).await?;
        opened.close().await?;
        let name = format!("{}@{}", pedigree.model, pedigree.version);
        let answers = instead.map_or_else(
            || "nothing answers in its place".to_owned(),
            |v| format!("version {v} answers instead"),
        );
        let text = format!("retired {name}; its files and its pedigree stay; {answers}");
        terminal.result(&text, &json!({ "retired": name, "instead": instead }));
        Ok(())
    })
}

/// `name` or `name@version`.
pub(crate) fn split_version(name: &str) -> (&str, Option<u32>) {
    match name.rsplit_once('@') {
        Some((plain, version)) => version.parse().map_or((name, None), |version| (plain, Some(version))),
        None => (name, None),
    }
}

fn find(store: &Store, name: &str) -> Result<StoredModel, Failure> {
    let (plain, version) = split_version(name);
    let versions = store.read(|tx| tables::model_version::versions(tx, plain))?;
    let found = versions
        .into_iter()
        .rev()
        .find(|stored| version.is_none_or(|v| v == stored.pedigree.version));
    Ok(found.ok_or_else(|| CliError::NotFound {
        what: "model",
        name: name.to_owned(),
    })?)
}

fn line(stored: &StoredModel) -> String {
    let pedigree = &stored.pedigree;
    format!(
        "{}@{}  {}  entry {}  {}",
        pedigree.model, pedigree.version, stored.state, stored.leaf, stored.weights
    )
}

fn value(stored: &StoredModel) -> Value {
    json!({ "pedigree": stored.pedigree, "state": stored.state, "leaf": stored.leaf, "weights": stored.weights })
}
