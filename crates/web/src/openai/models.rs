//! `GET /v1/models` and `GET /v1/models/{name}`.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use cultivar_gateway::{Caller, GatewayError};
use cultivar_record::Provider;
use serde_json::{Value, json};

use super::admit;
use crate::{App, respond::refuse, serve::Peer};

pub(crate) async fn list(State(app): State<App>, peer: Option<Extension<Peer>>, headers: HeaderMap) -> Response {
    match admit(&app.gateway, &headers, peer.map(|peer| peer.0)) {
        Ok(caller) => {
            let models: Vec<Value> = models(&app, &caller).iter().map(model).collect();
            Json(json!({ "object": "list", "data": models })).into_response()
        }
        Err(error) => refuse(&error),
    }
}

pub(crate) async fn show(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = admit(&app.gateway, &headers, peer.map(|peer| peer.0)).and_then(|caller| {
        let models = models(&app, &caller).into_iter();
        models
            .into_iter()
            .find(|provider| provider.model == name)
            .ok_or(GatewayError::UnknownModel { model: name })
    });
    match found {
        Ok(provider) => Json(model(&provider)).into_response(),
        Err(error) => refuse(&error),
    }
}

/// The first provider of each model that the caller may ask.
fn models(app: &App, caller: &Caller) -> Vec<Provider> {
    let mut seen = std::collections::BTreeSet::new();
    let providers = app.gateway.providers().into_iter();
    providers
        .filter(|provider| caller.may_ask(&provider.model) && seen.insert(provider.model.clone()))
        .collect()
}

fn model(provider: &Provider) -> Value {
    json!({
        "id": provider.model,
        "object": "model",
        "created": provider.created_at.seconds(),
        "owned_by": provider.name,
        "terms": provider.terms,
    })
}
