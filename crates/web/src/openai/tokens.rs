//! `POST /tokenize`, `POST /detokenize`, `GET /tokenizer_info`: the tokens of our own models, in vLLM's shapes.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Query, State, rejection::BytesRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use cultivar_gateway::{
    GatewayError, LocalModel,
    providers::local::{detokenize, tokenize, tokenizer_info},
};
use cultivar_record::ProviderKind;
use serde::Deserialize;

use super::admit;
use crate::{
    App,
    respond::{refuse, unread},
    serve::Peer,
};

/// Which model; the only one of our own where none is named.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Named {
    model: Option<String>,
}

pub(crate) async fn to_tokens(
    State(app): State<App>,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    respond(match model(&app, peer, &headers, named(&body).as_deref()) {
        Ok((model, name)) => tokenize(model, name, body).await,
        Err(error) => Err(error),
    })
}

pub(crate) async fn to_text(
    State(app): State<App>,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    respond(match model(&app, peer, &headers, named(&body).as_deref()) {
        Ok((model, name)) => detokenize(model, name, body).await,
        Err(error) => Err(error),
    })
}

pub(crate) async fn info(
    State(app): State<App>,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
    Query(query): Query<Named>,
) -> Response {
    let found = model(&app, peer, &headers, query.model.as_deref());
    respond(found.and_then(|(model, name)| tokenizer_info(model.as_ref(), &name)))
}

fn named(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Named>(body).ok()?.model
}

fn model(
    app: &App,
    peer: Option<axum::Extension<Peer>>,
    headers: &HeaderMap,
    name: Option<&str>,
) -> Result<(Arc<dyn LocalModel>, String), GatewayError> {
    let caller = admit(&app.gateway, headers, peer.map(|peer| peer.0))?;
    let providers = app.gateway.providers();
    let mut own = providers.iter().filter(|provider| match name {
        Some(name) => provider.model == name,
        None => provider.kind == ProviderKind::Local,
    });
    let unknown = || GatewayError::UnknownModel {
        model: name.unwrap_or("(none was named)").chars().take(100).collect(),
    };
    let provider = own
        .next()
        .filter(|provider| caller.may_ask(&provider.model))
        .ok_or_else(unknown)?;
    Ok((app.gateway.local(provider)?, provider.model.clone()))
}

fn respond(answer: Result<Bytes, GatewayError>) -> Response {
    match answer {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => refuse(&error),
    }
}
