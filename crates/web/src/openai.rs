//! The model API: OpenAI's paths and shapes.

pub(crate) mod chat_completions;
pub(crate) mod models;

use axum::{
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use cultivar_gateway::{Caller, Gateway, GatewayError};

use crate::respond::plain;

/// The caller of a request, by its bearer key.
pub(crate) fn authenticate(gateway: &Gateway, headers: &HeaderMap) -> Result<Caller, GatewayError> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let key = authorization
        .strip_prefix("Bearer ")
        .or_else(|| authorization.strip_prefix("bearer "));
    gateway.authenticate(key.ok_or(GatewayError::InvalidKey)?.trim())
}

pub(crate) async fn not_found(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(100).collect();
    plain(
        StatusCode::NOT_FOUND,
        "unknown_url",
        &format!("unknown request URL: {method} {path}; see README.md for the API"),
    )
}

pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(100).collect();
    plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        &format!("`{path}` does not take {method}"),
    )
}
