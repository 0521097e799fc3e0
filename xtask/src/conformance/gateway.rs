//! Foreign clients, unchanged, against `cultivar serve`: a scripted provider behind it, and the demo's own model.

mod clients;
mod stage;

use std::process::Command;

use self::stage::Stage;
use super::{Context, Outcome, peers, report::Row, say};
use crate::Failure;

pub(super) use self::clients::Client;

pub(super) fn run(context: &Context) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let suite = context.suites.join("gateway");
    let mut installed = Vec::new();
    for program in clients::programs(context.clients) {
        match program.install(&context.peers, &suite) {
            Ok(command) => installed.push((program, command)),
            Err(why) => outcome.missing.push(why),
        }
    }
    if installed.is_empty() {
        return Ok(outcome);
    }
    let stage = Stage::set(context, &suite)?;
    for (program, mut command) in installed {
        say(&format!("{} meets {}", program.name, stage.server.url))?;
        let printed = peers::stdout_of(stage.show(&mut command))?;
        if let Err(failure) = outcome.add_printed(&printed) {
            outcome.rows.push(unfinished(program.name, &failure));
        }
    }
    Ok(outcome)
}

/// What is said of a client that ended without its rows: the others still have their say.
fn unfinished(client: &str, failure: &Failure) -> Row {
    Row {
        tried: "runs to its end".to_owned(),
        client: client.to_owned(),
        version: "?".to_owned(),
        checks: 1,
        passed: 0,
        failed: vec![failure.to_string()],
    }
}

/// A foreign program that writes no files beside its source.
fn python(interpreter: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(interpreter);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
