//! The admin API: how a person runs the door. One file per resource; handlers are thin and all alike: extract, authorise, call
//! one act of the desk, map. The routes and their description are written once, so that none is served and not described.
//!
//! It does not know who the person is: whoever holds a key of the purpose `administer` runs this door.

mod agreements;
mod approvals;
mod erasures;
mod evidence;
mod exchanges;
mod extract;
mod grants;
mod incidents;
mod keys;
mod members;
mod organizations;
mod projects;
mod providers;
mod refusal;
mod routes;
mod shapes;
mod usage;

use std::sync::Arc;

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use cultivar_gateway::{Caller, Gateway, GatewayError};
use cultivar_governance::GovernanceError;
use cultivar_record::Organization;
use cultivar_store::{Statements, StoreError, tables};
use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use refusal::Refusal;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cultivar admin API",
        description = "Who may ask which model, where, under which terms, and how much of it. Every change is an entry in \
                       the ledger, and the next request sees it. Send `Authorization: Bearer <key>` with a key of the \
                       purpose `administer`."
    ),
    modifiers(&Bearer),
    components(schemas(refusal::Refused, refusal::Error)),
    security(("bearer" = [])),
    tags((name = "admin", description = "All of it."))
)]
struct Description;

/// How requests are authorised.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

fn described() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(organizations::list, organizations::create))
        .routes(routes!(organizations::show, organizations::change))
        .routes(routes!(organizations::set_standing))
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(projects::change, projects::archive))
        .routes(routes!(members::list))
        .routes(routes!(members::put, members::remove))
        .routes(routes!(members::register_key))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(providers::list, providers::register))
        .routes(routes!(providers::show, providers::remove))
        .routes(routes!(agreements::list, agreements::accept))
        .routes(routes!(approvals::list, approvals::sign))
        .routes(routes!(approvals::draft))
        .routes(routes!(approvals::show, approvals::withdraw))
        .routes(routes!(grants::list, grants::sign))
        .routes(routes!(grants::draft))
        .routes(routes!(grants::show, grants::revoke))
        .routes(routes!(evidence::show, evidence::set))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::close))
        .routes(routes!(self::routes::explain))
        .routes(routes!(usage::report))
        .routes(routes!(exchanges::list))
        .routes(routes!(exchanges::show))
        .routes(routes!(erasures::list, erasures::erase))
}

/// The admin API of a gateway, below `/api`.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    let (router, document) = described().split_for_parts();
    let document = Arc::new(document);
    let serve = move || {
        let document = Arc::clone(&document);
        async move { Json(document) }
    };
    router.route("/api/openapi.json", get(serve)).with_state(gateway)
}

/// All of a kind.
#[derive(Debug, Serialize, ToSchema)]
struct List<T> {
    /// Oldest first.
    data: Vec<T>,
}

impl<T> List<T> {
    fn of<R: Into<T>>(rows: impl IntoIterator<Item = R>) -> Json<Self> {
        Json(Self {
            data: rows.into_iter().map(Into::into).collect(),
        })
    }
}

/// Reads on a thread that may wait: what was answered and is not settled yet is waited for.
async fn read<T, F>(gateway: &Arc<Gateway>, job: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Statements) -> Result<T, StoreError> + Send + 'static,
{
    let gateway = Arc::clone(gateway);
    let read = tokio::task::spawn_blocking(move || gateway.store().read(job));
    Ok(read.await.map_err(|_| GatewayError::Stopped)??)
}

/// As [`read`], for what people signed.
async fn look<T, F>(gateway: &Arc<Gateway>, job: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce(&Gateway) -> Result<T, GovernanceError> + Send + 'static,
{
    let gateway = Arc::clone(gateway);
    let looked = tokio::task::spawn_blocking(move || job(&gateway));
    Ok(looked.await.map_err(|_| GatewayError::Stopped)??)
}

/// The organisation with this name; the caller's own where none is given.
async fn organization_or_own(
    gateway: &Arc<Gateway>,
    name: Option<&str>,
    caller: &Caller,
) -> Result<Organization, Refusal> {
    let own = caller.organization.id;
    match name {
        // As it stands now, not as the key's holder was read.
        None => read(gateway, move |tx| tables::organization::get(tx, own)).await,
        Some(name) => Ok(gateway.organization(name)?),
    }
}

fn missing(what: &'static str, name: &str) -> Refusal {
    let name = name.chars().take(100).collect();
    GatewayError::from(StoreError::NotFound { what, name }).into()
}

fn taken(what: &'static str, name: &str) -> Refusal {
    let name = name.to_owned();
    GatewayError::from(StoreError::Exists { what, name }).into()
}

/// A reply for programs that is not JSON.
fn text(kind: &'static str, body: String) -> impl IntoResponse {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    (StatusCode::OK, headers, body)
}
