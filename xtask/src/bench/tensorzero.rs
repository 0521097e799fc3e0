//! `TensorZero`'s embedded gateway from `PyPI`: without its record (observability off) and without keys, as its package starts it.

use std::time::Duration;

use super::{
    mock,
    process::{Process, tied},
    subject::{Context, Subject, load},
};
use crate::conformance::peers;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn start(context: &Context) -> Result<Subject, String> {
    let suite = context.suites.join("tensorzero");
    let python = peers::python(
        &context.peers.join(suite.file_name().unwrap_or_default()),
        &suite.join("requirements.txt"),
    )?;
    let model = mock::MODEL;
    let configuration = format!(
        r#"[gateway]
observability.enabled = false

[models.{model}]
routing = ["mock"]

[models.{model}.providers.mock]
type = "openai"
model_name = "{model}"
api_base = "{base_url}/"
api_key_location = "none"
"#,
        base_url = context.base_url()
    );
    let path = context.configure("tensorzero.toml", &configuration)?;
    let mut command = tied(&python);
    command
        .arg(suite.join("serve.py"))
        .arg(path)
        .env("NO_PROXY", "127.0.0.1");
    let mut process = Process::start(&mut command, "tensorzero", &context.work)?;
    let mut load = load(process.address(PATIENCE)?);
    "/openai/v1/chat/completions".clone_into(&mut load.path);
    load.model = format!("tensorzero::model_name::{model}");
    process.until_it_answers(&load, PATIENCE)?;
    Ok(Subject {
        version: peers::version(&suite),
        load,
        id: process.id(),
        process: Some(process),
    })
}
