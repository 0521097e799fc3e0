//! The only crate that speaks HTTP inwards: the model API, the admin API, the chat page, the report page, the embedded teacher.
//! Handlers are thin and all alike: extract, authenticate, call one flow, map.
//!
//! It does not know SQL, policies, weights, or where its listener and its clock come from.

mod api;
mod app;
mod guard;
mod ledger;
mod openai;
mod outside;
mod pages;
mod patience;
mod respond;
mod serve;
mod teacher;
mod witness;

use std::sync::Arc;

use axum::{
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, get, post},
};
use cultivar_gateway::Gateway;
use cultivar_record::Endpoint;

pub use app::App;
pub use axum::Router;
pub use patience::Patience;
pub use serve::{Site, serve};
pub use teacher::teacher_router;
pub use witness::witness_router;

/// Largest request body: OpenAI's and Anthropic's limit for a chat request.
pub(crate) const MOST_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Everything that is served to clients and people.
pub fn router(app: App) -> Router {
    let pages = Router::new()
        .route("/", get(pages::home))
        .route("/chat", get(pages::chat::show).post(pages::chat::ask))
        .route("/chat/stream", post(pages::chat::stream))
        .route("/report", get(pages::report::show))
        .route("/report.json", get(pages::report::json))
        .route("/models/{name}/pedigree.json", get(pages::report::pedigree))
        .route("/assets/{name}", get(pages::asset))
        .layer(middleware::from_fn(guard::only_from_here));
    let calls = Endpoint::ALL.into_iter().fold(Router::new(), |router, endpoint| {
        // A `POST` never comes here: the accept loop hands it to the door.
        router.route(&format!("/v1/{}", endpoint.path()), any(openai::only_post))
    });
    let router = Router::new()
        .merge(calls)
        .route("/v1/models", get(openai::models::list))
        .route("/v1/models/{*name}", get(openai::models::show))
        .route("/tokenize", post(openai::tokens::to_tokens))
        .route("/detokenize", post(openai::tokens::to_text))
        .route("/tokenizer_info", get(openai::tokens::info))
        .route("/ledger/{*path}", get(ledger::file))
        .route("/healthz", get(outside::lives))
        .route("/readyz", get(outside::is_ready))
        .route("/metrics", get(outside::metrics))
        .merge(pages)
        .with_state(app.clone())
        .merge(api::router(Arc::clone(&app.gateway)));
    closed(router).layer(middleware::from_fn_with_state(app, respond::name_request))
}

/// The admin API alone: for whoever administers without a server.
pub fn admin_router(gateway: Arc<Gateway>) -> Router {
    closed(api::router(gateway))
}

/// A router that says what it does not serve, and takes no endless bodies.
fn closed(router: Router) -> Router {
    router
        .fallback(openai::not_found)
        .method_not_allowed_fallback(openai::method_not_allowed)
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
}
