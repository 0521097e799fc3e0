//! The report of the newest comparison, and the pedigree of a model.

use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use cultivar_store::{StoreError, files, tables};
use maud::html;

use super::layout;
use crate::{App, respond::plain};

/// The report is one file with its style inside, so that it can be kept and sent.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

pub(crate) async fn show(State(app): State<App>) -> Response {
    match newest(&app, "report.html") {
        Ok(Some(report)) => (
            [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)],
            Html(report),
        )
            .into_response(),
        _ => layout::page(
            "Report",
            "/report",
            &[],
            &html! {
                h1 { "Report" }
                p { "There is no comparison yet. Run " code { "cultivar build recipe.toml" } " to make one." }
            },
        ),
    }
}

pub(crate) async fn json(State(app): State<App>) -> Response {
    match newest(&app, "report.json") {
        Ok(Some(report)) => ([(header::CONTENT_TYPE, "application/json")], report).into_response(),
        _ => plain(
            StatusCode::NOT_FOUND,
            "no_report",
            "there is no comparison yet; run `cultivar build recipe.toml`",
        ),
    }
}

pub(crate) async fn pedigree(State(app): State<App>, Path(name): Path<String>) -> Response {
    let versions = app
        .gateway
        .store()
        .read(|tx| tables::model_version::versions(tx, &name))
        .unwrap_or_default();
    let newest = versions.iter().rev().find(|version| version.state == "published");
    let text = newest.and_then(|version| {
        let folder = app.dir.model(&version.pedigree.model, version.pedigree.version);
        files::read_if_any(&folder.join("pedigree.json")).ok().flatten()
    });
    match text {
        Some(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        None => plain(
            StatusCode::NOT_FOUND,
            "model_not_found",
            "no model of that name was published here",
        ),
    }
}

/// A file of the newest comparison that has results.
fn newest(app: &App, name: &str) -> Result<Option<String>, StoreError> {
    let all = app.gateway.store().read(tables::comparison::list)?;
    let Some(stored) = all.into_iter().rev().find(|stored| stored.results.is_some()) else {
        return Ok(None);
    };
    let bytes = files::read_if_any(&app.dir.report(&stored.plan.id.to_string()).join(name))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
