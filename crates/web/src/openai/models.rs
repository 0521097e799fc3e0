//! `GET /v1/models` and `GET /v1/models/{name}`.

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use cultivar_gateway::GatewayError;
use cultivar_record::Provider;
use serde_json::{Value, json};

use super::authenticate;
use crate::{App, respond::refuse};

pub(crate) async fn list(State(app): State<App>, headers: HeaderMap) -> Response {
    match authenticate(&app.gateway, &headers) {
        Ok(_) => {
            let models: Vec<Value> = app.gateway.providers().iter().map(model).collect();
            Json(json!({ "object": "list", "data": models })).into_response()
        }
        Err(error) => refuse(&error),
    }
}

pub(crate) async fn show(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = authenticate(&app.gateway, &headers).and_then(|_| {
        let models = app.gateway.providers();
        models
            .into_iter()
            .find(|p| p.model == name)
            .ok_or(GatewayError::UnknownModel { model: name })
    });
    match found {
        Ok(provider) => Json(model(&provider)).into_response(),
        Err(error) => refuse(&error),
    }
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
