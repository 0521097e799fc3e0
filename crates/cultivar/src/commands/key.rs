//! `key`: API keys.

use cultivar_cli::{KeyCommand, KeyCreateArgs};
use cultivar_record::ApiKey;
use serde_json::{Value, json};

use crate::{
    admin::{Ask, ask, object, query},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

pub(crate) fn run(command: KeyCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        KeyCommand::Create(args) => {
            let issued: Value = ask(config, Ask::post("/api/keys", body(*args)))?.json()?;
            let text = issued.get("key").and_then(Value::as_str).unwrap_or_default();
            terminal.say("The key is shown once; keep it.");
            terminal.result(text, &issued);
        }
        KeyCommand::List { org } => {
            let keys: Vec<ApiKey> = ask(config, Ask::get(query("/api/keys", &[("organization", org)])))?.rows()?;
            let lines: Vec<String> = keys.iter().map(line).collect();
            terminal.list(&lines, &keys, "no keys yet; see `cultivar key --help`");
        }
        KeyCommand::Revoke { id } => {
            let key: ApiKey = ask(config, Ask::delete(format!("/api/keys/{id}")))?.json()?;
            terminal.result(&line(&key), &key);
        }
    }
    Ok(())
}

fn body(args: KeyCreateArgs) -> Value {
    object([
        ("name", Some(json!(args.name))),
        ("purpose", Some(json!(args.purpose))),
        ("organization", args.org.map(Value::from)),
        ("project", args.project.map(Value::from)),
        ("market", args.market.map(|market| json!(market))),
        ("models", Some(json!(args.model))),
        ("expires_at", args.expires.map(|at| json!(at))),
        ("allowed_ips", Some(json!(args.allow_ip))),
        ("limit", args.limit.to_value()),
    ])
}

fn line(key: &ApiKey) -> String {
    let state = key
        .revoked_at
        .map_or_else(|| "in force".to_owned(), |at| format!("revoked {at}"));
    format!(
        "{}  {}…  {}  for {}  {state}",
        key.id, key.prefix, key.name, key.purpose
    )
}
