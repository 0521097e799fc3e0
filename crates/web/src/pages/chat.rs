//! The chat page. The conversation lives in the page; every answer says which model gave it and under which exchange it is
//! recorded.

use std::convert::Infallible;

use axum::{
    Form, Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use cultivar_gateway::{Answer, AnswerEvent, GatewayError, Question};
use cultivar_record::{
    ExchangeId, ProviderKind,
    chat::{ChatRequest, Message, Role},
};
use futures_util::{StreamExt, stream};
use maud::{Markup, html};
use miette::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::layout;
use crate::App;

/// Longest answer on the page, in tokens.
const MOST_TOKENS: u64 = 200;

/// A conversation as the page holds it.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    messages: Vec<Message>,
}

/// The form of a browser without scripts: the conversation so far as JSON, and the new words, typed or clicked.
#[derive(Debug, Deserialize)]
pub(crate) struct FormSaid {
    #[serde(default)]
    so_far: String,
    text: String,
    example: Option<String>,
}

pub(crate) async fn show(State(app): State<App>) -> Response {
    render(&app, &[], None)
}

pub(crate) async fn ask(State(app): State<App>, Form(form): Form<FormSaid>) -> Response {
    let mut messages: Vec<Message> = serde_json::from_str(&form.so_far).unwrap_or_default();
    let text = form.example.unwrap_or(form.text);
    if text.trim().is_empty() {
        return render(&app, &messages, None);
    }
    messages.push(Message::text(Role::User, text.trim()));
    match complete(&app, messages.clone(), None).await {
        Ok((_, Answer::Whole(completion))) => {
            messages.push(Message::text(Role::Assistant, completion.first_text()));
            render(&app, &messages, None)
        }
        Ok((_, Answer::Stream(_))) => render(&app, &messages, None),
        Err(error) => {
            // The question stays unanswered: it is not part of what was said.
            messages.pop();
            render(&app, &messages, Some(&error))
        }
    }
}

pub(crate) async fn stream(State(app): State<App>, Json(said): Json<Said>) -> Response {
    let frames = match complete(&app, said.messages, Some(true)).await {
        Ok((id, Answer::Stream(events))) => frames(id, &app.page_model, events).boxed(),
        Ok((_, Answer::Whole(_))) => stream::empty().boxed(),
        Err(error) => stream::once(async move { failed(&error) }).boxed(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(frames.map(Ok::<_, Infallible>))).into_response()
}

async fn complete(
    app: &App,
    messages: Vec<Message>,
    stream: Option<bool>,
) -> Result<(ExchangeId, Answer), GatewayError> {
    let mut request = ChatRequest {
        stream,
        max_tokens: Some(MOST_TOKENS),
        ..ChatRequest::plain(app.page_model.clone(), messages)
    };
    if is_own(app) {
        // A conversation that is longer than the model sees loses its oldest turns. Other providers do not know the field.
        request.rest.insert("truncation".to_owned(), "auto".into());
    }
    app.gateway.complete(&app.page_caller, Question::alone(request)).await
}

fn frames(
    id: ExchangeId,
    model: &str,
    events: mpsc::Receiver<AnswerEvent>,
) -> impl futures_util::Stream<Item = String> + use<> {
    let done = event("done", &json!({ "exchange": id, "model": model }));
    stream::unfold(Some((events, done)), |state| async {
        let (mut events, done) = state?;
        match events.recv().await {
            None => Some((done, None)),
            Some(AnswerEvent::Failed(error)) => Some((failed(&error), None)),
            Some(AnswerEvent::Chunk(chunk)) => {
                let texts = chunk
                    .choices
                    .iter()
                    .filter_map(|choice| choice.delta.content.as_deref());
                let text: String = texts.collect();
                let frame = if text.is_empty() {
                    String::new()
                } else {
                    event("text", &json!(text))
                };
                Some((frame, Some((events, done))))
            }
        }
    })
}

fn failed(error: &GatewayError) -> String {
    let help = error.help().map(|help| help.to_string());
    event(
        "failed",
        &json!({ "message": error.to_string(), "help": help, "code": error.code_text() }),
    )
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn render(app: &App, messages: &[Message], error: Option<&GatewayError>) -> Response {
    let so_far = serde_json::to_string(messages).unwrap_or_default();
    let content = html! {
        h1 { "Talk to " code { (app.page_model) } }
        p.quiet {
            @if is_own(app) {
                "A model of our own: " a href="/report#descent" { "what it descends from" }
                ", " a href="/report" { "how it compares" } ". "
            }
            "Every answer is recorded in the ledger."
        }
        section #turns aria-label="Conversation" { @for message in messages { (turn(message)) } }
        @if let Some(error) = error { p.failure role="alert" { (error.to_string()) @if let Some(help) = error.help() { " — " (help.to_string()) } } }
        p #announce.hidden role="status" aria-live="polite" {}
        @if messages.is_empty() && !app.page_examples.is_empty() {
            p #examples {
                @for example in &app.page_examples { button.example type="submit" form="say" name="example" value=(example) { (example) } " " }
            }
        }
        form #say method="post" action="/chat" {
            input type="hidden" name="so_far" value=(so_far);
            label for="text" { "Your message" }
            div.composer {
                textarea #text name="text" rows="1" maxlength="4000" autocomplete="off" autofocus {}
                button type="submit" { "Send" }
            }
        }
    };
    layout::page("Chat", "/chat", &["chat.js"], &content)
}

/// Whether the page's model is one of our own.
fn is_own(app: &App) -> bool {
    let providers = app.gateway.providers();
    providers
        .iter()
        .any(|p| p.model == app.page_model && p.kind == ProviderKind::Local)
}

fn turn(message: &Message) -> Markup {
    html! {
        article.turn.(message.role.as_str()) { p { (message.plain_text()) } }
    }
}
