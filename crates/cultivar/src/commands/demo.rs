//! `demo`: the whole main job on shipped data.

use std::{path::Path, sync::Arc};

use cultivar_gateway::{
    Answer, Caller, NewProvider, Question,
    providers::recorded::{Dialogue, Recording, parse_dialogues},
};
use cultivar_pipeline::{Built, Context, Interrupt, PipelineError, Progress, Prompts, Recipe, build};
use cultivar_record::{
    ProviderKind, Purpose,
    chat::{ChatRequest, Message, Role},
    digest_of,
};
use cultivar_store::tables;
use cultivar_web::App;
use serde_json::json;

use super::{build::until_done_or_interrupted, ledger};
use crate::{
    cli::DemoArgs,
    config::Config,
    failure::Failure,
    opened::{Opened, runtime},
    progress::TerminalProgress,
    server::Server,
    terminal::Terminal,
};

const DIALOGUES: &str = include_str!("../../../../data/taskmaster4/dialogues.jsonl");
const RECIPE: &str = include_str!("../../recipes/demo.toml");
const ORGANIZATION: &str = "demo-cafe";
const MARKET: &str = "US";
/// What to ask a barista.
const EXAMPLES: [&str; 3] = [
    "one chai latte please",
    "do you have anything without caffeine?",
    "can I get a mocha with oat milk?",
];
/// A provider whose terms forbid training a competing model. The embedded teacher stands in for its server.
const CLOSED: &str = "example-closed";
const CLOSED_TERMS: &str = "openai-services-2026-01-01";

pub(crate) fn run(args: &DemoArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let dialogues = dialogues(args.dialogues)?;
    let recipe = recipe(args)?;
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
        let job = job(&context, &recipe, &dialogues, &page_caller);
        let built = until_done_or_interrupted(&mut server.interruption, &interrupt, job).await;
        let told = match built {
            Ok(built) => tell(&opened, &server, &built, progress.as_ref(), terminal).await,
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

/// The shipped dialogues.
pub(crate) fn dialogues(most: Option<usize>) -> Result<Vec<Dialogue>, Failure> {
    let unreadable = |(line, reason)| PipelineError::UnreadableRow {
        path: "dialogues.jsonl".to_owned(),
        line,
        reason,
    };
    let mut dialogues = parse_dialogues(DIALOGUES).map_err(unreadable)?;
    dialogues.truncate(most.unwrap_or(usize::MAX));
    Ok(dialogues)
}

/// Questions for the demo's model; other models have other subjects.
pub(crate) fn examples(model: &str) -> Result<Vec<String>, Failure> {
    let is_of_the_demo = Recipe::parse(RECIPE, Path::new("demo.toml"))?.name == model;
    Ok(if is_of_the_demo {
        EXAMPLES.map(str::to_owned).to_vec()
    } else {
        Vec::new()
    })
}

fn recipe(args: &DemoArgs) -> Result<Recipe, Failure> {
    let mut recipe = Recipe::parse(RECIPE, Path::new("demo.toml"))?;
    recipe.train.seconds = args.train_seconds.unwrap_or(recipe.train.seconds).max(1.0);
    Ok(recipe)
}

/// Registers the closed provider and asks it once, then builds: what it said may be shown, but not trained on.
async fn job(
    context: &Context,
    recipe: &Recipe,
    dialogues: &[Dialogue],
    page_caller: &Caller,
) -> Result<Built, PipelineError> {
    context
        .progress
        .stage("register: `recorded`, the embedded teacher, and `example-closed`, whose terms forbid training");
    register_closed(context).await?;
    ask_closed(context, dialogues, page_caller).await?;
    build(context, recipe, &Prompts::new(dialogues.to_vec())).await
}

async fn register_closed(context: &Context) -> Result<(), PipelineError> {
    let terms = CLOSED_TERMS.parse()?;
    context
        .gateway
        .accept_terms(&context.organization, &terms, "the demo's operator")
        .await?;
    let provider = NewProvider::plain(CLOSED, ProviderKind::Recorded, CLOSED, CLOSED, terms);
    context
        .gateway
        .register_provider(context.organization.id, provider)
        .await?;
    Ok(())
}

async fn ask_closed(context: &Context, dialogues: &[Dialogue], page_caller: &Caller) -> Result<(), PipelineError> {
    let Some(first) = dialogues.first().and_then(|d| Some((&d.id, d.messages.first()?))) else {
        return Ok(());
    };
    let mut request = ChatRequest::plain(CLOSED, vec![Message::text(Role::User, first.1.plain_text())]);
    request
        .rest
        .insert("metadata".to_owned(), json!({ "conversation": first.0 }));
    let key = digest_of(&(CLOSED, first.0))?.to_string();
    let purpose = page_caller.key.purpose.as_str();
    let known = context
        .gateway
        .store()
        .read(|tx| tables::exchange::answered(tx, CLOSED, purpose, &key))?;
    if let Some(known) = known {
        context
            .progress
            .fact(&format!("`{CLOSED}` was asked before (exchange {})", known.intent.id));
        return Ok(());
    }
    let question = Question {
        prompt_key: Some(key),
        ..Question::alone(request)
    };
    let (id, answer) = context.gateway.complete(page_caller, question).await?;
    if let Answer::Whole(completion) = answer {
        context.progress.fact(&format!(
            "`{CLOSED}` may be asked and shown: {:?} (exchange {id})",
            completion.first_text()
        ));
    }
    Ok(())
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
