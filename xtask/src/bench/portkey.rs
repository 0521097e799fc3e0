//! Portkey's gateway from npm on Node, headless; each request says its provider in headers.
//!
//! Its `package.json` holds `@hono/node-server` at a version of its range before 1.14: later ones hand a provider's immutable headers
//! on to the answer, to which Portkey then adds its own, so that every stream ends in status 500.

use std::time::Duration;

use super::{
    process::{Process, free_address, tied},
    subject::{Context, Subject, load},
};
use crate::conformance::peers;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn start(context: &Context) -> Result<Subject, String> {
    let home = context.peers.join("portkey");
    peers::node(&home, &context.suites.join("portkey"))?;
    let address = free_address()?;
    let mut command = tied("node");
    command
        .arg(home.join("node_modules/@portkey-ai/gateway/build/start-server.js"))
        .args(["--headless", &format!("--port={}", address.port())])
        .env("NODE_ENV", "production")
        .env("NO_PROXY", "127.0.0.1");
    let mut process = Process::start(&mut command, "portkey", &context.work)?;
    let mut load = load(address);
    load.headers = vec![
        "authorization: Bearer bench".to_owned(),
        "x-portkey-provider: openai".to_owned(),
        format!("x-portkey-custom-host: {}", context.base_url()),
    ];
    process.until_it_answers(&load, PATIENCE)?;
    Ok(Subject {
        version: peers::version(&context.suites.join("portkey")),
        load,
        id: process.id(),
        process: Some(process),
    })
}
