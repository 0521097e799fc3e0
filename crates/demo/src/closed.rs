//! The closed provider: registered, asked and shown, and left out of what is learned from.

use cultivar_gateway::{Answer, Caller, NewProvider, Question, providers::recorded::Dialogue};
use cultivar_pipeline::{Built, Context, PipelineError, Prompts, Recipe};
use cultivar_record::{
    ProviderKind,
    chat::{ChatRequest, Message, Role},
    digest_of,
};
use cultivar_store::tables;
use serde_json::json;

use crate::{CLOSED, CLOSED_TERMS};

/// Registers the closed provider and asks it once, then builds: what it said may be shown, but not trained on.
///
/// # Errors
/// As of `cultivar_pipeline::build`.
pub async fn build(
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
    cultivar_pipeline::build(context, recipe, &Prompts::new(dialogues.to_vec())).await
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
