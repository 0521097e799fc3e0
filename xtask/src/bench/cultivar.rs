//! Our own program with everything on, set up through its own commands as a user would: key, terms, price, durable record.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use super::{
    mock,
    process::{Process, tied},
    subject::{Context, Subject, load},
};
use crate::conformance::peers;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// The terms that the mock's answers are under: some that permit everything.
const TERMS: &str = "cc-by-4_0";

pub(super) fn start(context: &Context) -> Result<Subject, String> {
    let cultivar = program_of(context)?;
    let data_dir = data_dir(context);
    if data_dir.exists() {
        fs::remove_dir_all(&data_dir).map_err(|error| format!("{}: {error}", data_dir.display()))?;
    }
    let say = |command: &[&str]| said(cultivar, &data_dir, command);
    let version = peers::run(Command::new(cultivar).arg("--version"))?;
    let base_url = context.base_url();
    say(&["init", "--name", "bench"])?;
    say(&[
        "provider",
        "add",
        mock::MODEL,
        "--kind",
        "openai",
        "--provider-model",
        mock::MODEL,
        "--base-url",
        &base_url,
        "--terms",
        TERMS,
        "--prompt-price",
        "150000",
        "--completion-price",
        "600000",
    ])?;
    say(&["terms", "accept", TERMS, "--by", "Bench"])?;
    let key = say(&["key", "create", "bench"])?;
    let key = key.pointer("/key").and_then(Value::as_str);
    let key = key.ok_or("`cultivar key create` says no key")?;
    let mut serve = tied(cultivar);
    serve
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--quiet",
            "--format",
            "json",
            "--data-dir",
        ])
        .arg(&data_dir);
    let mut process = Process::start(&mut serve, "cultivar", &context.work)?.ended_by_interrupt();
    let mut load = load(process.address(PATIENCE)?);
    load.headers = vec![format!("authorization: Bearer {key}")];
    process.until_it_answers(&load, PATIENCE)?;
    Ok(Subject {
        version: version.trim().to_owned(),
        load,
        id: process.id(),
        process: Some(process),
    })
}

/// What a stopped server left: how many exchanges are recorded, where everything checks out.
pub(super) fn recorded(context: &Context) -> Result<u64, String> {
    let cultivar = program_of(context)?;
    let data_dir = data_dir(context);
    said(cultivar, &data_dir, &["ledger", "verify"])?;
    said(cultivar, &data_dir, &["ledger", "fsck"])?;
    let checks = said(cultivar, &data_dir, &["doctor"])?;
    exchanges(&checks).ok_or_else(|| "`cultivar doctor` says no number of exchanges".to_owned())
}

/// The number of exchanges whose bodies the doctor checked.
fn exchanges(checks: &Value) -> Option<u64> {
    let bodies = checks
        .as_array()?
        .iter()
        .find(|check| check.get("check").and_then(Value::as_str) == Some("bodies"))?;
    let found = bodies.get("found")?.as_str()?;
    found.strip_suffix(" exchanges")?.parse().ok()
}

fn data_dir(context: &Context) -> PathBuf {
    context.work.join("gateway-data")
}

fn program_of(context: &Context) -> Result<&Path, String> {
    context
        .cultivar
        .as_deref()
        .ok_or_else(|| "there is no binary".to_owned())
}

/// What a command of ours says, as JSON.
fn said(cultivar: &Path, data_dir: &Path, command: &[&str]) -> Result<Value, String> {
    let place = |why: String| format!("`cultivar {}`: {why}", command.join(" "));
    let mut own = Command::new(cultivar);
    own.args(command).args(["--format", "json", "--data-dir"]).arg(data_dir);
    let answer = peers::run(&mut own).map_err(place)?;
    serde_json::from_str(&answer).map_err(|error| place(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_number_of_exchanges_from_the_doctor() {
        let checks = json!([
            { "check": "ledger", "ok": true, "found": "9 entries" },
            { "check": "bodies", "ok": true, "found": "1234 exchanges" },
        ]);
        assert_eq!(exchanges(&checks), Some(1234));
        assert_eq!(exchanges(&json!([])), None);
    }
}
