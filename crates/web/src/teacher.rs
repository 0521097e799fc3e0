//! The embedded teacher: recorded assistant turns behind the same wire as any other provider.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use cultivar_gateway::{
    GatewayError,
    providers::recorded::{Recording, words},
};
use cultivar_record::{
    Digest, TokenCount,
    chat::{ChatRequest, ChatUsage, Completion, Message},
};
use serde_json::{Value, json};

use crate::respond::plain;

/// The API of the embedded teacher. It answers for any model name: what it says is what was recorded.
pub fn teacher_router(recording: Arc<Recording>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(create))
        .with_state(recording)
}

async fn create(State(recording): State<Arc<Recording>>, body: Bytes) -> Response {
    let request: ChatRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            return plain(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                &GatewayError::unreadable_request(&error).to_string(),
            );
        }
    };
    let dialogue = request
        .rest
        .get("metadata")
        .and_then(|m| m.get("conversation"))
        .and_then(Value::as_str);
    let Some(text) = recording.answer(dialogue, &request.messages) else {
        let message = "nobody recorded an answer to this; the embedded teacher only knows its dialogues";
        return plain(StatusCode::UNPROCESSABLE_ENTITY, "no_recorded_answer", message);
    };
    let prompt: TokenCount = request
        .messages
        .iter()
        .map(|message: &Message| words(&message.plain_text()))
        .sum();
    let usage = ChatUsage::of(prompt, words(text));
    let id = format!(
        "chatcmpl-{}",
        Digest::of_bytes(&body).hex().get(..24).unwrap_or_default()
    );
    let completion = Completion::of_text(id.clone(), 0, request.model.clone(), text.to_owned(), usage);
    if request.wants_stream() {
        stream(&completion)
    } else {
        ([("x-request-id", id)], Json(completion)).into_response()
    }
}

/// The whole answer as one chunk, its end, its usage: a recording needs no pace.
fn stream(completion: &Completion) -> Response {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": completion.id, "object": "chat.completion.chunk", "created": completion.created,
            "model": completion.model, "choices": choices, "usage": usage,
        })
    };
    let text = completion.first_text();
    let parts = [
        chunk(
            json!([{ "index": 0, "delta": { "role": "assistant", "content": text }, "finish_reason": null }]),
            Value::Null,
        ),
        chunk(
            json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]),
            Value::Null,
        ),
        chunk(json!([]), json!(completion.usage)),
    ];
    let mut body = String::new();
    for part in parts {
        let _ = write!(body, "data: {part}\n\n");
    }
    body.push_str("data: [DONE]\n\n");
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
