//! The official OpenAI client, unchanged, against `cultivar serve`.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::{
    Context, Outcome, peers,
    program::{self, Server},
    say,
};
use crate::Failure;

pub(super) fn run(context: &Context) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let suite = context.suites.join("gateway");
    let python = match peers::python(&context.peers, &suite) {
        Ok(python) => python,
        Err(why) => {
            outcome.missing.push(why);
            return Ok(outcome);
        }
    };
    let cultivar = program::build(context.root, &context.target)?;
    let key = api_key(&cultivar, &context.data_dir)?;
    let server = Server::start(&cultivar, &context.data_dir)?;
    say(&format!("the client meets {}", server.url))?;
    let printed = peers::stdout_of(
        Command::new(python)
            .arg(suite.join("client.py"))
            .env("CULTIVAR_BASE_URL", format!("{}/v1", server.url))
            .env("CULTIVAR_API_KEY", key)
            .env("NO_PROXY", "127.0.0.1"),
    )?;
    outcome.add_printed(&printed)?;
    Ok(outcome)
}

/// A new key of the demo's organisation.
fn api_key(cultivar: &Path, data_dir: &Path) -> Result<String, Failure> {
    let create = ["key", "create", "--format", "json", "--data-dir"];
    let place = "cultivar key create";
    let printed = peers::run(Command::new(cultivar).args(create).arg(data_dir)).map_err(Failure::at(place))?;
    let answer: Value = serde_json::from_str(&printed).map_err(Failure::at(place))?;
    let key = answer.get("key").and_then(Value::as_str);
    key.map(str::to_owned)
        .ok_or_else(|| Failure::new(place, "its answer has no `key`"))
}
