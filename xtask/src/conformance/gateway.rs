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
    let key = said(&cultivar, &context.data_dir, &["key", "create", "conformance"], "/key")?;
    let model = said(&cultivar, &context.data_dir, &["model", "list"], "/0/pedigree/model")?;
    let server = Server::start(&cultivar, &context.data_dir)?;
    say(&format!("the client meets `{model}` at {}", server.url))?;
    let printed = peers::stdout_of(
        Command::new(python)
            .arg(suite.join("client.py"))
            .arg(&model)
            .env("CULTIVAR_BASE_URL", format!("{}/v1", server.url))
            .env("CULTIVAR_API_KEY", key)
            .env("NO_PROXY", "127.0.0.1"),
    )?;
    outcome.add_printed(&printed)?;
    Ok(outcome)
}

/// What a command of ours says, as the text at a JSON pointer in its answer.
fn said(cultivar: &Path, data_dir: &Path, command: &[&str], pointer: &str) -> Result<String, Failure> {
    let place = format!("cultivar {}", command.join(" "));
    let options = ["--format", "json", "--data-dir"];
    let answer =
        peers::run(Command::new(cultivar).args(command).args(options).arg(data_dir)).map_err(Failure::at(&place))?;
    let answer: Value = serde_json::from_str(&answer).map_err(Failure::at(&place))?;
    let text = answer.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure::new(place, format!("its answer has no text at `{pointer}`")))
}
