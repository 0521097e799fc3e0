//! What is told to whoever watches this program from outside: whether it lives, whether it answers, what it counts.
//!
//! Whether it answers is told to everybody who can reach it: it is asked by whatever stands before it. What it counts names models,
//! providers and spending, so it is told to this machine and to whoever administers.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use cultivar_gateway::{Gateway, GatewayError};
use cultivar_record::Purpose;
use cultivar_telemetry::Format;

use crate::{App, guard, openai, respond::refuse, serve::Peer};

const PLAIN: &str = "text/plain; charset=utf-8";

/// Whether the process lives: nothing is looked at.
pub(crate) async fn lives() -> &'static str {
    "ok\n"
}

/// Whether requests would be answered; if not, why, a line each.
pub(crate) async fn is_ready(State(app): State<App>) -> Response {
    let (status, text) = match state(&app.gateway).await {
        Some(state) => match state.hindrances() {
            hindrances if hindrances.is_empty() => (StatusCode::OK, "ready\n".to_owned()),
            hindrances => (StatusCode::SERVICE_UNAVAILABLE, hindrances.join("\n") + "\n"),
        },
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "records: they cannot be read\n".to_owned(),
        ),
    };
    (
        status,
        [(header::CONTENT_TYPE, PLAIN), (header::CACHE_CONTROL, "no-store")],
        text,
    )
        .into_response()
}

/// What is counted, in Prometheus' format or in `OpenMetrics`.
pub(crate) async fn metrics(State(app): State<App>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    if let Err(error) = may_see(&app.gateway, request.headers(), peer) {
        return refuse(&error);
    }
    let accept = request.headers().get(header::ACCEPT);
    let format = Format::accepted(accept.and_then(|value| value.to_str().ok()));
    // Where the records cannot be read, what is counted of requests is told all the same.
    let text = app.telemetry.render(format, state(&app.gateway).await.as_ref());
    ([(header::CONTENT_TYPE, format.media_type())], text).into_response()
}

/// Programs of this machine, under its own names, so that no page of another site asks through somebody's browser; and keys that
/// administer, from wherever they are served.
fn may_see(gateway: &Gateway, headers: &HeaderMap, peer: Option<Peer>) -> Result<(), GatewayError> {
    let is_here = peer.is_some_and(|Peer(address)| address.to_canonical().is_loopback());
    if is_here && guard::is_from_here(headers) && !headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    let caller = openai::admit(gateway, headers, peer)?;
    if caller.key.purpose == Purpose::Administer {
        return Ok(());
    }
    Err(GatewayError::WrongPurpose {
        prefix: caller.key.prefix.clone(),
        purpose: caller.key.purpose,
    })
}

/// How the door stands; nothing where its records cannot be read.
async fn state(gateway: &Arc<Gateway>) -> Option<cultivar_gateway::State> {
    let gateway = Arc::clone(gateway);
    tokio::task::spawn_blocking(move || gateway.state()).await.ok()?.ok()
}
