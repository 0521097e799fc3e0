//! `POST /v1/chat/completions`, streaming and not.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use cultivar_gateway::{Answer, AnswerEvent, GatewayError, Question};
use cultivar_record::{ExchangeId, chat::ChatRequest};
use futures_util::{StreamExt, stream};
use std::convert::Infallible;
use tokio::sync::mpsc;

use super::authenticate;
use crate::{
    App,
    respond::{REQUEST_ID, error_body, refuse, unread},
};

pub(crate) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    match answer(&app, &headers, &body).await {
        Ok((id, answer)) => respond(id, answer),
        Err(error) => refuse(&error),
    }
}

async fn answer(app: &App, headers: &HeaderMap, body: &Bytes) -> Result<(ExchangeId, Answer), GatewayError> {
    let caller = authenticate(&app.gateway, headers)?;
    let request: ChatRequest = serde_json::from_slice(body).map_err(|e| GatewayError::unreadable_request(&e))?;
    app.gateway.complete(&caller, Question::alone(request)).await
}

fn respond(id: ExchangeId, answer: Answer) -> Response {
    let mut response = match answer {
        Answer::Whole(completion) => Json(completion).into_response(),
        Answer::Stream(events) => event_stream(events),
    };
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn event_stream(events: mpsc::Receiver<AnswerEvent>) -> Response {
    let events = stream::unfold(events, |mut events| async {
        Some((frame(&events.recv().await?), events))
    });
    let done = stream::once(async { "data: [DONE]\n\n".to_owned() });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(events.chain(done).map(Ok::<_, Infallible>))).into_response()
}

fn frame(event: &AnswerEvent) -> String {
    let data = match event {
        AnswerEvent::Chunk(chunk) => serde_json::to_string(chunk),
        AnswerEvent::Failed(error) => serde_json::to_string(&error_body(error)),
    };
    format!("data: {}\n\n", data.unwrap_or_default())
}
