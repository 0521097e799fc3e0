//! The ledger's files as a static tree: any C2SP client can read and verify them.

use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use cultivar_store::files;

use crate::{App, respond::plain};

pub(crate) async fn file(State(app): State<App>, Path(path): Path<String>) -> Response {
    let missing = || plain(StatusCode::NOT_FOUND, "unknown_url", "the ledger has no such file");
    let is_plain = path.split('/').all(|part| {
        !part.is_empty() && !part.starts_with("..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
    });
    if !is_plain {
        return missing();
    }
    let at = app.dir.ledger().join(&path);
    match tokio::task::spawn_blocking(move || files::read_if_any(&at)).await {
        Ok(Ok(Some(bytes))) => {
            let is_text = matches!(path.as_str(), "checkpoint" | "log.vkey");
            let kind = if is_text {
                "text/plain; charset=utf-8"
            } else {
                "application/octet-stream"
            };
            ([(header::CONTENT_TYPE, kind)], bytes).into_response()
        }
        _ => missing(),
    }
}
