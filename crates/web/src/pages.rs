//! What people look at. Server-rendered; works without scripts, streams with them.

pub(crate) mod chat;
mod layout;
pub(crate) mod report;

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

pub(crate) async fn home() -> Redirect {
    Redirect::to("/chat")
}

/// Styles and scripts, from the program itself.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "cultivar.css" => ("text/css; charset=utf-8", include_str!("../assets/cultivar.css")),
        "chat.js" => ("text/javascript; charset=utf-8", include_str!("../assets/chat.js")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")],
        text,
    )
        .into_response()
}
