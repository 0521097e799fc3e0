//! `serve`: the model API and the pages.

use std::sync::Arc;

use cultivar_cli::ServeArgs;
use cultivar_gateway::providers::recorded::Recording;
use cultivar_record::{ProviderKind, Purpose};
use cultivar_store::tables;
use cultivar_web::App;
use serde_json::json;

use crate::{
    config::Config,
    failure::Failure,
    opened::{DEFAULT_ORGANIZATION, Opened, runtime},
    server::Server,
    system,
    terminal::Terminal,
};

/// Where `serve` listens unless somebody says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:7411";

pub(crate) fn run(args: &ServeArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    system::keep_to_small_pages();
    runtime()?.block_on(async {
        let opened = Opened::existing(config)?;
        let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
        for error in opened.join_models()? {
            terminal.warning(&error);
        }
        let page_model = args.model.clone().unwrap_or(newest_model(&opened)?);
        let app = App {
            gateway: Arc::clone(&opened.gateway),
            telemetry: Arc::clone(&opened.telemetry),
            dir: opened.dir.clone(),
            page_caller: opened.own_caller(&organization, Purpose::Serve).await?,
            page_examples: cultivar_demo::examples(&page_model)?,
            page_model,
        };
        let listen = args
            .listen
            .as_deref()
            .or(config.listen.as_deref())
            .unwrap_or(DEFAULT_LISTEN);
        let mut server = Server::start(&opened, app, listen, terminal).await?;
        if opened
            .gateway
            .providers()
            .iter()
            .any(|provider| provider.kind == ProviderKind::Recorded)
        {
            server
                .start_teacher(&opened.gateway, Recording::new(&cultivar_demo::dialogues(None)?))
                .await?;
        }
        let address = &server.address;
        terminal.result(
            &format!("Chat page: {address}/chat\nModel API: {address}/v1"),
            &json!({ "address": address, "chat": format!("{address}/chat") }),
        );
        terminal.say("Serving until interrupted (Ctrl-C).");
        server.until_interrupted().await?;
        server.stop().await?;
        opened.close().await
    })
}

/// The newest model of one's own; where there is none, the first that any provider serves.
fn newest_model(opened: &Opened) -> Result<String, Failure> {
    let published = opened.gateway.store().read(tables::model_version::list)?;
    let newest = published
        .into_iter()
        .filter(|v| v.state == "published")
        .max_by_key(|v| v.pedigree.at);
    let any = || {
        opened
            .gateway
            .providers()
            .into_iter()
            .next()
            .map(|provider| provider.model)
    };
    Ok(newest
        .map(|version| version.pedigree.model)
        .or_else(any)
        .unwrap_or_default())
}
