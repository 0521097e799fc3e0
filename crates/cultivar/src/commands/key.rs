//! `key`: API keys.

use cultivar_record::ApiKey;
use cultivar_store::tables;
use serde_json::json;

use crate::{
    cli::KeyCommand,
    config::Config,
    failure::Failure,
    opened::{DEFAULT_ORGANIZATION, Opened, look, runtime},
    terminal::Terminal,
};

pub(crate) fn run(command: KeyCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    if matches!(command, KeyCommand::List) {
        let keys = look(config)?.1.read(tables::api_key::list)?;
        let lines: Vec<String> = keys.iter().map(line).collect();
        terminal.list(&lines, &keys, "no keys yet; see `cultivar key --help`");
        return Ok(());
    }
    runtime()?.block_on(async {
        let opened = Opened::existing(config)?;
        match command {
            KeyCommand::Create { name, purpose } => {
                let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
                let (key, text) = opened.gateway.issue_key(&organization, &name, purpose).await?;
                terminal.say("The key is shown once; keep it.");
                terminal.result(&text, &json!({ "key": text, "api_key": key }));
            }
            KeyCommand::Revoke { id } => {
                let key = opened.gateway.revoke_key(id).await?;
                terminal.result(&line(&key), &key);
            }
            KeyCommand::List => {}
        }
        opened.close().await
    })
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
