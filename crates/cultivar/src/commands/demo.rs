//! `demo`: the whole main job on shipped data.

use std::sync::Arc;

use cultivar_cli::DemoArgs;
use cultivar_demo::{MARKET, ORGANIZATION, build, decide, dialogues, examples, recipe};
use cultivar_gateway::providers::recorded::Recording;
use cultivar_pipeline::{Built, Interrupt, Progress, Recipe};
use cultivar_record::Purpose;
use cultivar_web::App;
use serde_json::json;

use super::{build::until_done_or_interrupted, ledger};
use crate::{
    config::Config,
    failure::Failure,
    opened::{Opened, runtime},
    progress::TerminalProgress,
    server::Server,
    terminal::Terminal,
};

pub(crate) fn run(args: &DemoArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let dialogues = dialogues(args.dialogues)?;
    let recipe = shortened(args)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let progress = Arc::new(TerminalProgress::new(terminal, 0));
        progress.stage("set up: data directory, organisation, keys, ledger, server");
        let opened = Opened::create(config)?;
        let organization = opened.organization(ORGANIZATION, MARKET).await?;
        let page_caller = opened.own_caller(&organization, Purpose::Serve).await?;
        for error in opened.join_models()? {
            terminal.warning(&error);
        }
        let app = App {
            gateway: Arc::clone(&opened.gateway),
            telemetry: Arc::clone(&opened.telemetry),
            dir: opened.dir.clone(),
            page_caller: page_caller.clone(),
            page_model: recipe.name.clone(),
            page_examples: examples(&recipe.name)?,
        };
        let mut server = Server::start(&opened, app, &args.listen, terminal).await?;
        server
            .start_teacher(&opened.gateway, Recording::new(&dialogues))
            .await?;
        progress.fact(&format!(
            "`{}` of `{ORGANIZATION}`, serving on {}",
            opened.dir.root().display(),
            server.address
        ));
        let interrupt = Interrupt::default();
        let context = opened
            .context(Arc::clone(&progress) as Arc<dyn Progress>, interrupt.clone())
            .await?;
        let job = build(&context, &recipe, &dialogues, &page_caller);
        let built = until_done_or_interrupted(&mut server.interruption, &interrupt, job).await;
        let told = match built {
            Ok(built) => match decide(&context, &page_caller, &recipe.name).await {
                Ok(()) => tell(&opened, &server, &built, progress.as_ref(), terminal).await,
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        if told.is_ok() && !args.exit {
            terminal.say("\nServing until interrupted (Ctrl-C).");
            server.until_interrupted().await?;
        }
        server.stop().await?;
        opened.close().await?;
        told
    })
}

fn shortened(args: &DemoArgs) -> Result<Recipe, Failure> {
    let mut recipe = recipe()?;
    recipe.train.seconds = args.train_seconds.unwrap_or(recipe.train.seconds).max(1.0);
    Ok(recipe)
}

async fn tell(
    opened: &Opened,
    server: &Server,
    built: &Built,
    progress: &TerminalProgress,
    terminal: &Terminal,
) -> Result<(), Failure> {
    progress.stage("verify: the ledger, from its files alone");
    opened.close().await?;
    let report = ledger::verified(&opened.dir)?;
    progress.fact(&format!(
        "{} entries verified, root {}",
        report.entries_checked, report.root
    ));
    let value = json!({
        "model": built.model,
        "chat": format!("{}/chat", server.address),
        "report": format!("{}/report", server.address),
        "address": server.address,
        "report_json": built.report.json,
        "ledger": report,
        "comparison": built.comparison,
    });
    let text = format!(
        "\nChat page: {0}/chat\nReport:    {0}/report\nTerminal:  cultivar chat --data-dir {1}\nModel API: {0}/v1, with the key in {1}/secrets/own-keys.json under `serve`",
        server.address,
        opened.dir.root().display()
    );
    terminal.result(&text, &value);
    Ok(())
}
