//! `exchange`: recorded calls. Metadata and digests; the text of nobody.

mod erase;
mod reconcile;

use cultivar_cli::ExchangeCommand;
use serde_json::{Map, Value};

use crate::{
    admin::{Ask, ask, query},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

pub(crate) fn run(command: &ExchangeCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    match *command {
        ExchangeCommand::List { from, after, limit } => {
            let parameters = [
                ("from", from.map(|at| at.to_string())),
                ("after", after.map(|id| id.to_string())),
                ("limit", Some(limit.to_string())),
            ];
            let page: Value = ask(config, Ask::get(query("/api/exchanges", &parameters)))?.json()?;
            let rows = page.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            let lines: Vec<String> = rows.iter().map(line).collect();
            terminal.list(&lines, &page, "no exchanges");
            if let (Some(next), false) = (page.get("next").and_then(Value::as_str), terminal.is_json()) {
                terminal.say(&format!("there are more: `--after {next}`"));
            }
        }
        ExchangeCommand::Show { id } => {
            let exchange: Map<String, Value> = ask(config, Ask::get(format!("/api/exchanges/{id}")))?.json()?;
            let lines = exchange.iter().filter(|(_, value)| !value.is_null());
            let lines: Vec<String> = lines
                .map(|(name, value)| format!("{name:<20} {}", plain(value)))
                .collect();
            terminal.result(&lines.join("\n"), &exchange);
        }
        ExchangeCommand::Erase(ref args) => erase::run(args, config, terminal)?,
        ExchangeCommand::Reconcile(ref args) => reconcile::run(args, config, terminal)?,
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn line(row: &Value) -> String {
    let field = |name: &str| row.get(name).map(plain).unwrap_or_default();
    format!(
        "{}  {}  {:<9} {} of {}, from {}, {} + {} tokens",
        field("id"),
        field("at"),
        field("state"),
        field("model"),
        field("provider"),
        field("market"),
        field("prompt_tokens"),
        field("completion_tokens")
    )
}
