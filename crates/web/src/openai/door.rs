//! The model calls: `POST` to an endpoint of OpenAI's API, in bytes. Extract, admit, forward, map.

use std::convert::Infallible;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request, Response, header},
};
use bytes::{Bytes, BytesMut};
use cultivar_gateway::{AnswerStream, Call, Caller, Forwarded, ForwardedBody, GatewayError, Part, RateState};
use cultivar_record::{Endpoint, Trace};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::admit;
use crate::{
    App, MOST_BODY_BYTES,
    patience::{Patient, Unread},
    respond::{REQUEST_ID, failed_event, name, rate_headers, refuse, unread_body},
    serve::Peer,
};

/// How much of a body that is too large is read to let its client finish.
const MOST_PASSED_OVER: usize = 4 * MOST_BODY_BYTES;
/// Whose trace a request belongs to (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// The endpoint at a path, where there is one.
pub(crate) fn endpoint(path: &str) -> Option<Endpoint> {
    let rest = path.strip_prefix("/v1/")?;
    Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == rest)
}

pub(crate) async fn forward(app: &App, endpoint: Endpoint, peer: Peer, request: Request<Patient>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let caller = match admit(&app.gateway, &head.headers, Some(peer)) {
        Ok(caller) => caller,
        Err(error) => return name(app, refuse(&error)),
    };
    let body = match read(body).await {
        Ok(body) => body,
        Err(unread) => return name(app, unread_body(unread)),
    };
    match answer(app, &head.headers, &caller, endpoint, body).await {
        Ok(forwarded) => respond(endpoint, forwarded),
        Err(error) => name(app, refuse(&error)),
    }
}

async fn answer(
    app: &App,
    headers: &HeaderMap,
    caller: &Caller,
    endpoint: Endpoint,
    body: Bytes,
) -> Result<Forwarded, GatewayError> {
    let traceparent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let call = Call {
        trace: traceparent.and_then(Trace::read),
        ..Call::alone(endpoint, body)
    };
    app.gateway.forward(caller, &call).await
}

async fn read(mut body: Patient) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > u64::try_from(MOST_BODY_BYTES).unwrap_or(u64::MAX) {
        return Err(pass_over(body, 0).await);
    }
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame?.into_data() else {
            continue;
        };
        if first.is_empty() && more.is_empty() {
            first = bytes;
            continue;
        }
        if more.is_empty() {
            more.extend_from_slice(&first);
        }
        more.extend_from_slice(&bytes);
        if more.len() > MOST_BODY_BYTES {
            return Err(pass_over(body, more.len()).await);
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}

/// Lets a client that sends too much finish, within bounds: one that is cut off while it sends never hears why.
async fn pass_over(mut body: Patient, mut length: usize) -> Unread {
    while length < MOST_PASSED_OVER {
        match body.frame().await {
            Some(Ok(frame)) => length += frame.data_ref().map_or(0, Bytes::len),
            _ => break,
        }
    }
    Unread::TooLarge
}

fn respond(endpoint: Endpoint, forwarded: Forwarded) -> Response<Body> {
    let (kind, body) = match forwarded.body {
        ForwardedBody::Whole(body) => (JSON, Body::from(body)),
        ForwardedBody::Stream(stream) => (EVENTS, Body::from_stream(events(endpoint, *stream))),
    };
    let is_stream = kind == EVENTS;
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    if is_stream {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    if let Ok(id) = HeaderValue::from_str(&forwarded.exchange.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    if forwarded.rate != RateState::default() {
        rate_headers(headers, &forwarded.rate);
    }
    response
}

fn events(
    endpoint: Endpoint,
    stream: AnswerStream,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream.map(move |part| {
        Ok(match part {
            Part::Bytes(bytes) => bytes,
            Part::Failed(error) => failed_event(endpoint, &error),
        })
    })
}
