//! The frame around every page.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

/// Nothing from elsewhere, nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// A page with its title, the place in the navigation and its content.
pub(super) fn page(title: &str, here: &str, scripts: &[&str], content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Cultivar" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/assets/cultivar.css";
                @for script in scripts { script src={ "/assets/" (script) } defer {} }
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    strong { "Cultivar" }
                    nav aria-label="Pages" {
                        @for (path, name) in [("/chat", "Chat"), ("/report", "Report")] {
                            a href=(path) aria-current=[(path == here).then_some("page")] { (name) }
                        }
                    }
                }
                main #main { (content) }
            }
        }
    };
    ([(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)], markup).into_response()
}
