//! A witness over HTTP. Source: `c2sp.org/tlog-witness@v1.0.0`.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cultivar_ledger::WitnessRefusal;
use cultivar_record::Ambient;
use cultivar_witness::{Witness, WitnessError};

/// A question holds a tree head and at most 63 hashes.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Clone)]
struct Served {
    witness: Arc<Witness>,
    ambient: Arc<dyn Ambient>,
}

/// `POST /add-checkpoint` for logs, and a page of text for people.
pub fn witness_router(witness: Arc<Witness>, ambient: Arc<dyn Ambient>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(Served { witness, ambient })
}

async fn add_checkpoint(State(served): State<Served>, question: String) -> Response {
    let now = served.ambient.now();
    let answer = tokio::task::spawn_blocking(move || served.witness.add_checkpoint(&question, now));
    match answer.await {
        Ok(Ok(Ok(line))) => line.into_response(),
        Ok(Ok(Err(WitnessRefusal::Conflict { size }))) => (
            StatusCode::CONFLICT,
            [(CONTENT_TYPE, "text/x.tlog.size")],
            format!("{size}\n"),
        )
            .into_response(),
        Ok(Ok(Err(refusal))) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, format!("{refusal}\n")).into_response()
        }
        Ok(Err(error)) => broken(&error),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn show(State(served): State<Served>) -> Response {
    let watched = match served.witness.watched() {
        Ok(watched) => watched,
        Err(error) => return broken(&error),
    };
    let mut text = format!("witness {}\n", served.witness.key());
    for log in watched {
        let size = log.head.map_or(0, |head| head.size);
        let _ = writeln!(text, "watches {}: {size} entries", log.origin);
    }
    text.into_response()
}

fn broken(error: &WitnessError) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}
