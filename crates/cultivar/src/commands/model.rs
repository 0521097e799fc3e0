//! `model`: models of one's own.

use std::{path::Path, sync::Arc};

use cultivar_cli::{ModelCommand, ModelVerifyArgs};
use cultivar_gateway::LedgerFiles;
use cultivar_papers::{ModelVerifier, drawing, tree};
use cultivar_pipeline::{Interrupt, Keys, retire, verify_model};
use cultivar_record::Duties;
use cultivar_store::{
    DataDir, Store, StoreError, files,
    tables::{self, model_version::StoredModel},
};
use serde_json::{Value, json};

use crate::{
    config::Config,
    failure::{CliError, Failure},
    opened::{Opened, look, runtime},
    progress::TerminalProgress,
    terminal::Terminal,
};

pub(crate) fn run(command: &ModelCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        ModelCommand::Retire { name } => return withdraw(name, config, terminal),
        ModelCommand::Verify(args) => return verify(args, config, terminal),
        _ => {}
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
        ModelCommand::Pedigree { name, svg } => {
            let pedigree = find(&store, name)?.pedigree;
            let folder = dir.model(&pedigree.model, pedigree.version);
            let signed: Value =
                serde_json::from_str(&files::read_text(&folder.join("pedigree.json"))?).unwrap_or_default();
            let duties = files::read_if_any(&folder.join("duties.json"))?.unwrap_or_default();
            let duties: Duties = serde_json::from_slice(&duties).unwrap_or_default();
            if let Some(file) = svg {
                files::write_atomic(&dir.tmp(), file, drawing(&pedigree).as_bytes())?;
                terminal.result(&format!("drawn: {}", file.display()), &json!({ "svg": file }));
            } else {
                terminal.result(&tree(&pedigree, &duties), &signed);
            }
        }
        ModelCommand::Retire { .. } | ModelCommand::Verify(_) => {}
    }
    Ok(())
}

fn verify(args: &ModelVerifyArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let given = (&args.folder, &args.ledger_key, &args.model_key);
    let (folder, name, keys) = if let (Some(folder), Some(ledger), Some(model)) = given {
        let keys = Keys {
            ledger: files::read_text(ledger)?.trim().parse()?,
            model: ModelVerifier::from_pem(&files::read_text(model)?).map_err(Failure::verification)?,
        };
        (folder.clone(), folder.display().to_string(), keys)
    } else {
        let (dir, store) = look(config)?;
        let pedigree = find(&store, args.name.as_deref().unwrap_or_default())?.pedigree;
        let name = format!("{}@{}", pedigree.model, pedigree.version);
        let keys = keys(&dir, args.ledger_key.as_deref(), args.model_key.as_deref())?;
        (dir.model(&pedigree.model, pedigree.version), name, keys)
    };
    let verified = verify_model(&folder, &name, &keys).map_err(Failure::verification)?;
    let lines: Vec<String> = verified
        .checks
        .iter()
        .map(|check| format!("ok  {:<24} {}", check.paper, check.holds))
        .collect();
    terminal.result(&format!("{}\nverified: {name}", lines.join("\n")), &verified);
    Ok(())
}

/// The keys of a data directory, or those that were handed in.
pub(crate) fn keys(dir: &DataDir, ledger: Option<&Path>, model: Option<&Path>) -> Result<Keys, Failure> {
    let ledger = match ledger {
        Some(file) => files::read_text(file)?,
        None => LedgerFiles::new(dir.ledger())
            .verifier_key()?
            .ok_or_else(|| StoreError::NoData {
                path: dir.ledger().display().to_string(),
            })?,
    };
    let model = files::read_text(model.unwrap_or(&dir.model_key()))?;
    Ok(Keys {
        ledger: ledger.trim().parse()?,
        model: ModelVerifier::from_pem(&model).map_err(Failure::verification)?,
    })
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

pub(crate) fn find(store: &Store, name: &str) -> Result<StoredModel, Failure> {
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
    let marked = stored
        .marked
        .map(|erasure| format!("  learned from what erasure {erasure} took"));
    format!(
        "{}@{}  {}  entry {}  {}{}",
        pedigree.model,
        pedigree.version,
        stored.state,
        stored.leaf,
        stored.weights,
        marked.unwrap_or_default()
    )
}

fn value(stored: &StoredModel) -> Value {
    json!({
        "pedigree": stored.pedigree,
        "state": stored.state,
        "leaf": stored.leaf,
        "weights": stored.weights,
        "marked": stored.marked,
    })
}
