//! The router of `SGLang` from `PyPI`, with the mock as its one worker.

use std::time::Duration;

use super::{
    process::{Process, free_address, tied},
    subject::{Context, Subject, load},
};
use crate::conformance::peers;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn start(context: &Context) -> Result<Subject, String> {
    let suite = context.suites.join("sglang-router");
    let python = peers::python(
        &context.peers.join(suite.file_name().unwrap_or_default()),
        &suite.join("requirements.txt"),
    )?;
    let (address, metrics) = (free_address()?, free_address()?);
    let mut command = tied(&python);
    command
        .args([
            "-m",
            "sglang_router.launch_router",
            "--policy",
            "round_robin",
            "--log-level",
            "warn",
        ])
        .args(["--worker-urls", &format!("http://{}", context.mock)])
        .args([
            "--host",
            &address.ip().to_string(),
            "--port",
            &address.port().to_string(),
        ])
        .args([
            "--prometheus-host",
            &metrics.ip().to_string(),
            "--prometheus-port",
            &metrics.port().to_string(),
        ])
        .env("NO_PROXY", "127.0.0.1");
    let mut process = Process::start(&mut command, "sglang-router", &context.work)?;
    let load = load(address);
    process.until_it_answers(&load, PATIENCE)?;
    Ok(Subject {
        version: peers::version(&suite),
        load,
        id: process.id(),
        process: Some(process),
    })
}
