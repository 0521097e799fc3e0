//! Errors on the wire, in the shapes that OpenAI's clients understand.
//! Source: OpenAI API reference, "Error codes"; the classes that its Python and Node clients raise.

use axum::{
    Json,
    extract::{Request, State, rejection::BytesRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cultivar_gateway::GatewayError;
use cultivar_record::ExchangeId;
use miette::Diagnostic;
use serde_json::{Value, json};

use crate::App;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Status and `type` of an error.
fn kind(error: &GatewayError) -> (StatusCode, &'static str) {
    match error {
        GatewayError::InvalidKey | GatewayError::RevokedKey { .. } | GatewayError::NotServed => {
            (StatusCode::UNAUTHORIZED, "invalid_request_error")
        }
        GatewayError::UnknownModel { .. } => (StatusCode::NOT_FOUND, "invalid_request_error"),
        GatewayError::InvalidRequest { .. }
        | GatewayError::ContextLength { .. }
        | GatewayError::UnsupportedValue { .. }
        | GatewayError::Unsupported { .. } => (StatusCode::BAD_REQUEST, "invalid_request_error"),
        GatewayError::Forbidden { .. } => (StatusCode::FORBIDDEN, "request_forbidden"),
        GatewayError::Refused { status, .. } => match StatusCode::from_u16(*status) {
            Ok(status) if status == StatusCode::TOO_MANY_REQUESTS => (status, "requests"),
            Ok(status @ (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY)) => {
                (status, "invalid_request_error")
            }
            _ => (StatusCode::BAD_GATEWAY, "server_error"),
        },
        GatewayError::Unreachable { .. } | GatewayError::Malformed { .. } => (StatusCode::BAD_GATEWAY, "server_error"),
        GatewayError::Store(_) | GatewayError::Ledger(_) | GatewayError::Stopped | GatewayError::SecondPublisher => {
            (StatusCode::SERVICE_UNAVAILABLE, "server_error")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

/// The error object: message with its advice, type, param, code.
pub(crate) fn error_body(error: &GatewayError) -> Value {
    let help = error.help().map(|help| format!("; {help}")).unwrap_or_default();
    let param = match error {
        GatewayError::UnknownModel { .. } => Some("model".to_owned()),
        GatewayError::InvalidRequest { param, .. } => param.clone(),
        GatewayError::ContextLength { param, .. } | GatewayError::UnsupportedValue { param, .. } => {
            Some((*param).to_owned())
        }
        _ => None,
    };
    json!({ "error": { "message": format!("{error}{help}"), "type": kind(error).1, "param": param, "code": error.code_text() } })
}

/// The whole answer to a request that failed.
pub(crate) fn refuse(error: &GatewayError) -> Response {
    let status = kind(error).0;
    let mut response = (status, Json(error_body(error))).into_response();
    let headers = response.headers_mut();
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // The client cannot mend these by asking again.
        StatusCode::INTERNAL_SERVER_ERROR => {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        _ => {}
    }
    response
}

/// A body that could not be read to its end, most often because it is too large.
pub(crate) fn unread(rejection: &BytesRejection) -> Response {
    let (code, message) = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ("request_too_large", "the body is larger than 32 MiB"),
        _ => ("invalid_request", "the body could not be read to its end"),
    };
    plain(rejection.status(), code, message)
}

/// Names every response: by its exchange where there is one, else by a fresh id.
pub(crate) async fn name_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if !response.headers().contains_key(REQUEST_ID) {
        let id = ExchangeId::new(app.gateway.ambient()).to_string();
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
    }
    response
}

/// An error that has no [`GatewayError`]: a wrong path or method.
pub(crate) fn plain(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "error": { "message": message, "type": "invalid_request_error", "param": null, "code": code } });
    (status, Json(body)).into_response()
}
