//! Errors on the wire, in the shapes that OpenAI's clients understand.
//! Source: OpenAI API reference, "Error codes"; the classes that its Python and Node clients raise.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use cultivar_gateway::{
    Exceeded, GatewayError, LimitRefusal, ProviderRefusal, RateState, RateWindow, Sign, Wait, go_duration,
};
use cultivar_record::{Endpoint, ExchangeId};
use cultivar_store::StoreError;
use miette::Diagnostic;
use serde_json::{Value, json};

use crate::{App, patience::Unread};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const NO: HeaderValue = HeaderValue::from_static("false");
/// The longest wait for which a client is told to come back by itself: some clients would sleep for as long as they are told.
const LONGEST_WAIT_MS: u64 = 60_000;

/// Status and `type` of an error.
fn kind(error: &GatewayError) -> (StatusCode, &'static str) {
    let invalid = "invalid_request_error";
    match error {
        GatewayError::InvalidKey
        | GatewayError::RevokedKey { .. }
        | GatewayError::ExpiredKey { .. }
        | GatewayError::AddressNotAllowed { .. }
        | GatewayError::Claim { .. }
        | GatewayError::NotServed { .. } => (StatusCode::UNAUTHORIZED, invalid),
        GatewayError::UnknownModel { .. }
        | GatewayError::UnknownTerms { .. }
        | GatewayError::Store(StoreError::NotFound { .. }) => (StatusCode::NOT_FOUND, invalid),
        GatewayError::Store(StoreError::Exists { .. }) => (StatusCode::CONFLICT, invalid),
        GatewayError::InvalidRequest { .. }
        | GatewayError::UnsupportedValue { .. }
        | GatewayError::ContextLength { .. }
        | GatewayError::Unsupported { .. }
        | GatewayError::NotOwn { .. } => (StatusCode::BAD_REQUEST, invalid),
        GatewayError::Forbidden { .. }
        | GatewayError::MarketClosed { .. }
        | GatewayError::NotOffered { .. }
        | GatewayError::NotResident { .. }
        | GatewayError::ProjectNotServed { .. }
        | GatewayError::WrongPurpose { .. } => (StatusCode::FORBIDDEN, "request_forbidden"),
        GatewayError::RateLimited { refusal } => (StatusCode::TOO_MANY_REQUESTS, limit_kind(refusal)),
        GatewayError::OutOfBudget { .. } => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"),
        GatewayError::Refused(refusal) => refused_kind(refusal),
        GatewayError::Unreachable { .. } | GatewayError::Malformed { .. } => (StatusCode::BAD_GATEWAY, "server_error"),
        GatewayError::Store(_)
        | GatewayError::Ledger(_)
        | GatewayError::Stopped
        | GatewayError::SecondPublisher
        | GatewayError::NobodyHealthy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

const fn limit_kind(refusal: &LimitRefusal) -> &'static str {
    match refusal.exceeded {
        Exceeded::Requests { .. } => "requests",
        Exceeded::Tokens { .. } => "tokens",
        Exceeded::Budget { .. } => "insufficient_quota",
    }
}

/// What a provider's refusal is for the caller: its own mistake, or nothing that it could mend.
fn refused_kind(refusal: &ProviderRefusal) -> (StatusCode, &'static str) {
    match refusal.sign {
        Sign::Invalid | Sign::Policy => {
            let status = StatusCode::from_u16(refusal.status)
                .ok()
                .filter(StatusCode::is_client_error);
            // A provider's 401 or 403 is about our key, never about the caller's.
            let status = status.filter(|status| !matches!(status.as_u16(), 401 | 403 | 407));
            (status.unwrap_or(StatusCode::BAD_REQUEST), "invalid_request_error")
        }
        Sign::NotFound => (StatusCode::NOT_FOUND, "invalid_request_error"),
        Sign::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "requests"),
        Sign::Standing { .. } | Sign::Quota | Sign::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
        Sign::Unavailable => (StatusCode::BAD_GATEWAY, "server_error"),
    }
}

/// The error object: message with its advice, type, param, code; beside them the case, where there is one.
pub(crate) fn error_body(error: &GatewayError) -> Value {
    let help = error.help().map(|help| format!("; {help}")).unwrap_or_default();
    let param = match error {
        GatewayError::UnknownModel { .. } => Some("model"),
        GatewayError::InvalidRequest { param, .. } => param.as_deref(),
        GatewayError::UnsupportedValue { param, .. } | GatewayError::ContextLength { param, .. } => Some(*param),
        GatewayError::Refused(refusal) => refusal.param.as_deref(),
        _ => None,
    };
    let code = match error {
        GatewayError::Refused(refusal) if matches!(refusal.sign, Sign::RateLimited { .. }) => {
            "rate_limit_exceeded".to_owned()
        }
        GatewayError::Refused(refusal) if refusal.sign == Sign::NotFound => "model_not_found".to_owned(),
        error => error.code_text(),
    };
    let mut body = json!({ "message": format!("{error}{help}"), "type": kind(error).1, "param": param, "code": code });
    if let GatewayError::NotServed {
        enforcement: Some(enforcement),
    } = error
    {
        let enforcement = json!({
            "case_id": enforcement.case_id,
            "stage": "suspended",
            "reason": enforcement.reason,
            "until": enforcement.until,
            "appeal_url": enforcement.appeal_url,
        });
        if let Some(fields) = body.as_object_mut() {
            fields.insert("enforcement".to_owned(), enforcement);
        }
    }
    json!({ "error": body })
}

/// The whole answer to a request that failed.
pub(crate) fn refuse(error: &GatewayError) -> Response {
    let status = kind(error).0;
    let passes = match error {
        // What is wrong with a request is said in the provider's words, byte for byte, where those are OpenAI's.
        GatewayError::Refused(refusal) if matches!(refusal.sign, Sign::Invalid | Sign::Policy) => refusal.body.clone(),
        _ => None,
    };
    let mut response = match passes {
        Some(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        None => (status, Json(error_body(error))).into_response(),
    };
    let headers = response.headers_mut();
    match error {
        GatewayError::RateLimited { refusal } | GatewayError::OutOfBudget { refusal } => {
            rate_headers(headers, &refusal.rate);
            wait_headers(headers, refusal);
        }
        GatewayError::Refused(refusal) => match refusal.sign {
            Sign::RateLimited { retry_after_ms } => retry_after(headers, retry_after_ms.unwrap_or(1_000)),
            Sign::Standing { .. } | Sign::Quota => no_retry(headers),
            _ => {}
        },
        _ => match status {
            StatusCode::SERVICE_UNAVAILABLE => retry_after(headers, 1_000),
            // The client cannot mend these by asking again.
            StatusCode::INTERNAL_SERVER_ERROR => no_retry(headers),
            _ => {}
        },
    }
    response
}

fn no_retry(headers: &mut HeaderMap) {
    headers.insert(SHOULD_RETRY, NO);
}

fn retry_after(headers: &mut HeaderMap, millis: u64) {
    headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis));
    headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000)));
    if millis > LONGEST_WAIT_MS {
        no_retry(headers);
    }
}

fn wait_headers(headers: &mut HeaderMap, refusal: &LimitRefusal) {
    match (refusal.exceeded, refusal.wait) {
        (Exceeded::Budget { .. }, _) | (_, Wait::Never | Wait::TooLarge) => no_retry(headers),
        (_, Wait::Millis(millis)) => retry_after(headers, millis),
    }
}

/// `x-ratelimit-*`, as OpenAI sends them: resets are Go durations.
pub(crate) fn rate_headers(headers: &mut HeaderMap, rate: &RateState) {
    let names = [
        (
            &rate.requests,
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ),
        (
            &rate.tokens,
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
        ),
    ];
    for (window, limit, remaining, reset) in names {
        let Some(RateWindow {
            limit: most,
            remaining: left,
            reset: wait,
        }) = window
        else {
            continue;
        };
        headers.insert(limit, HeaderValue::from(*most));
        headers.insert(remaining, HeaderValue::from(*left));
        let wait = if *wait == Duration::MAX { Duration::ZERO } else { *wait };
        if let Ok(wait) = HeaderValue::from_str(&go_duration(wait)) {
            headers.insert(reset, wait);
        }
    }
}

/// The event of a stream that breaks off.
pub(crate) fn failed_event(endpoint: Endpoint, error: &GatewayError) -> Bytes {
    let body = error_body(error);
    Bytes::from(if endpoint == Endpoint::Responses {
        let told = body.get("error").cloned().unwrap_or_default();
        let event = json!({
            "type": "error",
            "sequence_number": 0,
            "code": told.get("code"),
            "message": told.get("message"),
            "param": told.get("param"),
        });
        format!("event: error\ndata: {event}\n\n")
    } else {
        format!("data: {body}\n\n")
    })
}

/// A body that was not read to its end.
pub(crate) fn unread_body(unread: Unread) -> Response {
    match unread {
        Unread::TooLarge => too_large(),
        Unread::TooSlow => plain(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the body took too long to arrive",
        ),
        Unread::Broken => plain(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the body could not be read to its end",
        ),
    }
}

fn too_large() -> Response {
    plain(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large",
        "the body is larger than 32 MiB",
    )
}

/// Gives a response without an exchange a fresh id.
pub(crate) fn name(app: &App, mut response: Response) -> Response {
    let id = ExchangeId::new(app.gateway.ambient()).to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A body that could not be read to its end, most often because it is too large.
pub(crate) fn unread(rejection: &BytesRejection) -> Response {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => unread_body(Unread::Broken),
    }
}

/// Names every response: by its exchange where there is one, else by a fresh id.
pub(crate) async fn name_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.headers().contains_key(REQUEST_ID) {
        response
    } else {
        name(&app, response)
    }
}

/// An error that has no [`GatewayError`]: a wrong path or method.
pub(crate) fn plain(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "error": { "message": message, "type": "invalid_request_error", "param": null, "code": code } });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use cultivar_store::StoreError;

    use super::*;

    #[test]
    fn a_ledger_that_is_behind_is_said_and_when_to_come_back() {
        let error = GatewayError::Store(StoreError::Backlog);
        let response = refuse(&error);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers().get("x-should-retry"), None);
        let body = error_body(&error);
        assert_eq!(body["error"]["code"], "ledger_backpressure");
        assert_eq!(body["error"]["type"], "server_error");
        assert_eq!(body["error"]["param"], Value::Null);
    }
}
