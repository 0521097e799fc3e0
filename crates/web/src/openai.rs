//! The model API: OpenAI's paths and shapes.

pub(crate) mod door;
pub(crate) mod models;
pub(crate) mod tokens;

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use cultivar_gateway::{Caller, Credentials, Gateway, GatewayError};

use crate::{respond::plain, serve::Peer};

/// A signed claim of an application about its user's market.
const CLAIM: &str = "cultivar-claim";

/// The caller of a request, by its bearer key.
pub(crate) fn admit(gateway: &Gateway, headers: &HeaderMap, peer: Option<Peer>) -> Result<Caller, GatewayError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = text(header::AUTHORIZATION.as_str()).unwrap_or("");
    let key = authorization
        .strip_prefix("Bearer ")
        .or_else(|| authorization.strip_prefix("bearer "));
    gateway.admit(&Credentials {
        key: key.ok_or(GatewayError::InvalidKey)?.trim(),
        address: peer.map(|Peer(address)| address),
        claim: text(CLAIM),
    })
}

pub(crate) async fn not_found(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(100).collect();
    plain(
        StatusCode::NOT_FOUND,
        "unknown_url",
        &format!("unknown request URL: {method} {path}; see README.md for the API"),
    )
}

pub(crate) async fn only_post(method: Method, uri: Uri) -> Response {
    let mut response = method_not_allowed(method, uri).await;
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(100).collect();
    plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        &format!("`{path}` does not take {method}"),
    )
}
