//! `policy`: the rules in force, checked, tested and explained.

mod explain;

use std::{
    fs,
    path::{Path, PathBuf},
};

use cultivar_cli::{CheckArgs, PolicyCommand, TestArgs};
use cultivar_policy::{Case, CaseBook, Outcome, Settings};
use cultivar_store::files;
use serde_json::json;

use crate::{
    config::Config,
    failure::{CliError, Failure},
    opened::{Packs, markets, register},
    terminal::Terminal,
};

pub(crate) fn run(command: PolicyCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        PolicyCommand::Check(args) => check(&args, config, terminal),
        PolicyCommand::Test(args) => test(&args, config, terminal),
        PolicyCommand::Explain(args) => explain::run(&args, config, terminal),
    }
}

fn check(args: &CheckArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let packs = Packs::read(&config.policy.packs, &args.pack)?;
    let permits = packs.permits(Settings::default())?;
    let (files, digest, count) = (packs.files(), permits.digest(), permits.policies());
    let with = if files.is_empty() {
        "no packs".to_owned()
    } else {
        format!("packs that only tighten: {}", files.join(", "))
    };
    terminal.result(
        &format!("{count} policies hold against the schema, {with}\ndigest: {digest}"),
        &json!({ "policies": count, "packs": files, "digest": digest }),
    );
    Ok(())
}

fn test(args: &TestArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let packs = Packs::read(&config.policy.packs, &args.pack)?;
    let (register, markets) = (register(config.terms.as_deref())?, markets(config.markets.as_deref())?);
    let book = CaseBook::new(register, markets, &packs.texts())?;
    let cases = if args.paths.is_empty() {
        Case::shipped()?
    } else {
        cases(&args.paths)?
    };
    let outcomes = cases.iter().map(|case| book.run(case)).collect::<Result<Vec<_>, _>>()?;
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let lines: Vec<String> = outcomes.iter().map(told).collect();
    let count = outcomes.len();
    terminal.result(
        &format!("{}\n{} of {count} cases hold", lines.join("\n"), count - failed),
        &json!({ "cases": outcomes, "failed": failed }),
    );
    if failed == 0 {
        Ok(())
    } else {
        Err(CliError::CasesFailed { count: failed }.into())
    }
}

/// A case in words: its answer and the first reason, or what is not as it says.
fn told(outcome: &Outcome) -> String {
    if !outcome.passed {
        let differences: Vec<String> = outcome
            .differences
            .iter()
            .map(|each| format!("\n        {each}"))
            .collect();
        return format!("FAIL  {} ({}){}", outcome.title, outcome.case, differences.concat());
    }
    let reason = outcome.reasons.first();
    let why = reason.map(|reason| match (reason.fact, reason.value) {
        (Some(fact), Some(value)) => format!("{}, {fact} = {value}", reason.policy),
        _ => reason.policy.clone(),
    });
    format!(
        "ok    {}: {} by {}",
        outcome.title,
        outcome.answer,
        why.unwrap_or_default()
    )
}

/// The cases of files and of folders.
fn cases(paths: &[PathBuf]) -> Result<Vec<Case>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside = markdown(path)?;
            inside.sort();
            for file in inside {
                found.push(case(&file)?);
            }
        } else {
            found.push(case(path)?);
        }
    }
    if found.is_empty() {
        let reason = "no file that ends in `.md` is there".to_owned();
        return Err(CliError::Argument { reason }.into());
    }
    Ok(found)
}

fn markdown(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| CliError::Argument {
        reason: format!("the folder `{}` cannot be read: {error}", folder.display()),
    };
    let mut inside = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        inside.push(entry.map_err(unreadable)?.path());
    }
    inside.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    Ok(inside)
}

fn case(path: &Path) -> Result<Case, Failure> {
    Ok(Case::read(&path.display().to_string(), &files::read_text(path)?)?)
}
