//! `LiteLLM`'s proxy from `PyPI`: one worker, a master key, no database.

use std::time::Duration;

use super::{
    mock,
    process::{Process, free_address, tied},
    subject::{Context, Subject, load},
};
use crate::conformance::peers;

/// How long it may take until it answers: it imports for long.
const PATIENCE: Duration = Duration::from_mins(2);

/// Its master key. It lives as long as the run, on this machine only.
const KEY: &str = "sk-bench";

pub(super) fn start(context: &Context) -> Result<Subject, String> {
    let suite = context.suites.join("litellm");
    let python = peers::python(
        &context.peers.join(suite.file_name().unwrap_or_default()),
        &suite.join("requirements.txt"),
    )?;
    let address = free_address()?;
    let model = mock::MODEL;
    let configuration = format!(
        "model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {base_url}
      api_key: none
general_settings:
  master_key: {KEY}
litellm_settings:
  telemetry: false
",
        base_url = context.base_url()
    );
    let path = context.configure("litellm.yaml", &configuration)?;
    let mut command = tied(python.with_file_name("litellm"));
    command
        .arg("--config")
        .arg(path)
        .args([
            "--host",
            &address.ip().to_string(),
            "--port",
            &address.port().to_string(),
        ])
        .args(["--num_workers", "1"])
        .envs([("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("NO_PROXY", "127.0.0.1")]);
    let mut process = Process::start(&mut command, "litellm", &context.work)?;
    let mut load = load(address);
    load.headers = vec![format!("authorization: Bearer {KEY}")];
    process.until_it_answers(&load, PATIENCE)?;
    Ok(Subject {
        version: peers::version(&suite),
        load,
        id: process.id(),
        process: Some(process),
    })
}
