//! `exchange erase`: what was said is destroyed; the ledger keeps its entries, and says so.

use cultivar_cli::EraseArgs;
use serde_json::{Value, json};

use super::plain;
use crate::{
    admin::{Ask, ask, object},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

pub(crate) fn run(args: &EraseArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let body = object([
        ("exchanges", (!args.ids.is_empty()).then(|| json!(args.ids))),
        ("conversation", args.conversation.map(|id| json!(id))),
        ("organization", args.org.as_ref().map(|name| json!(name))),
        ("before", args.before.map(|at| json!(at))),
        ("reason", Some(json!(args.reason))),
        ("basis", Some(json!(args.basis))),
        ("by", Some(json!(args.by))),
    ]);
    let rows: Vec<Value> = ask(config, Ask::post("/api/erasures", body))?.rows()?;
    let lines: Vec<String> = rows.iter().map(line).collect();
    terminal.list(&lines, &rows, "nothing was erased");
    Ok(())
}

fn line(row: &Value) -> String {
    let field = |name: &str| row.get(name).map(plain).unwrap_or_default();
    let count = row.get("exchanges").and_then(Value::as_array).map_or(0, Vec::len);
    format!(
        "erased {count} exchange(s): text and salts are destroyed; {} by {}; entry {}",
        field("reason"),
        field("by"),
        field("leaf")
    )
}
