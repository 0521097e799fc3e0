//! `build`: a model from a recipe.

use std::{future::Future, sync::Arc};

use cultivar_cli::BuildArgs;
use cultivar_pipeline::{Interrupt, PipelineError, Progress, Prompts, Recipe, build};
use cultivar_store::files;
use serde_json::json;

use crate::{
    config::Config,
    failure::Failure,
    opened::{Opened, runtime},
    progress::TerminalProgress,
    server::Interruption,
    terminal::Terminal,
};

pub(crate) fn run(args: &BuildArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let recipe = Recipe::parse(&files::read_text(&args.recipe)?, &args.recipe)?;
    let prompts = Prompts::read(&recipe.collect.prompts)?;
    runtime()?.block_on(async {
        let opened = Opened::create(config)?;
        let progress: Arc<dyn Progress> = Arc::new(TerminalProgress::new(terminal, 0));
        let (mut interruption, interrupt) = (Interruption::listen()?, Interrupt::default());
        let context = opened.context(progress, interrupt.clone()).await?;
        let built = until_done_or_interrupted(&mut interruption, &interrupt, build(&context, &recipe, &prompts)).await;
        opened.close().await?;
        let built = built?;
        let text = format!("{}\nReport: {}", built.model, built.report.html.display());
        let value = json!({ "model": built.model, "report": built.report.html, "comparison": built.comparison });
        terminal.result(&text, &value);
        Ok(())
    })
}

/// Runs a build; an interruption asks it to stop at the next safe place.
pub(crate) async fn until_done_or_interrupted<T>(
    interruption: &mut Interruption,
    interrupt: &Interrupt,
    flow: impl Future<Output = Result<T, PipelineError>>,
) -> Result<T, Failure> {
    let mut flow = std::pin::pin!(flow);
    tokio::select! {
        built = &mut flow => return Ok(built?),
        () = interruption.heard() => interrupt.set(),
    }
    Ok(flow.await?)
}
