//! Projects of an organisation: created, changed, archived.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::Gateway;
use cultivar_governance::{self as governance, ProjectChange};
use cultivar_record::{Market, OrganizationId, Project, ProjectId, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body, Path},
    read,
    refusal::{BadBody, NoSuch, Refusals, Taken},
    shapes::{Id, LimitShape, MarketCode, Moment, Name, object},
    taken,
};

/// A part of an organisation with keys, a market and limits of its own.
#[derive(Serialize, ToSchema)]
pub(super) struct ProjectView {
    #[schema(value_type = Id)]
    id: ProjectId,
    /// Whose it is.
    #[schema(value_type = Id)]
    organization: OrganizationId,
    /// Unique in the organisation.
    name: String,
    /// The market from which it asks; the organisation's where it has none.
    #[schema(value_type = Option<MarketCode>)]
    market: Option<Market>,
    /// What all its keys together may use.
    limit: LimitShape,
    /// The Ed25519 public key, base64, of the application that may claim a market for its users.
    claim_key: Option<String>,
    #[schema(value_type = Moment)]
    created_at: Timestamp,
    /// When it was archived: its keys are no longer served.
    #[schema(value_type = Option<Moment>)]
    archived_at: Option<Timestamp>,
}

impl From<Project> for ProjectView {
    fn from(row: Project) -> Self {
        Self {
            id: row.id,
            organization: row.organization,
            name: row.name,
            market: row.market,
            limit: row.limit.into(),
            claim_key: row.claim_key,
            created_at: row.created_at,
            archived_at: row.archived_at,
        }
    }
}

/// A project to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProject {
    name: Name,
    #[serde(default)]
    #[schema(value_type = Option<MarketCode>)]
    market: Option<Market>,
    #[serde(default, deserialize_with = "object")]
    limit: Option<LimitShape>,
    /// 32 bytes in base64.
    #[serde(default)]
    claim_key: Option<String>,
}

/// What is changed of a project; what is left out or null stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectPatch {
    #[serde(default)]
    #[schema(value_type = Option<MarketCode>)]
    market: Option<Market>,
    /// Replaces the whole limit; `{}` lifts it.
    #[serde(default, deserialize_with = "object")]
    limit: Option<LimitShape>,
    /// 32 bytes in base64; an empty text for none.
    #[serde(default)]
    claim_key: Option<String>,
}

/// List the projects of an organisation.
#[utoipa::path(get, path = "/api/organizations/{organization}/projects", operation_id = "list_projects", tag = "admin",
    params(("organization" = String, Path, description = "Its name.")),
    responses((status = 200, description = "All its projects.", body = List<ProjectView>), Refusals, NoSuch))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(organization): Path<String>,
) -> Result<Json<List<ProjectView>>, Refusal> {
    let organization = gateway.organization(&organization)?.id;
    let projects = read(&gateway, tables::project::list).await?.into_iter();
    Ok(List::of(
        projects.filter(|project| project.organization == organization),
    ))
}

/// Create a project.
#[utoipa::path(post, path = "/api/organizations/{organization}/projects", operation_id = "create_project", tag = "admin", request_body = NewProject,
    params(("organization" = String, Path, description = "Its name.")),
    responses((status = 201, description = "It was created.", body = ProjectView), Refusals, NoSuch, BadBody, Taken))]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(organization): Path<String>,
    Body(new): Body<NewProject>,
) -> Result<(StatusCode, Json<ProjectView>), Refusal> {
    let organization = gateway.organization(&organization)?.id;
    let Name(name) = new.name;
    if governance::project(&gateway, organization, &name).is_ok() {
        return Err(taken("project", &name));
    }
    let change = ProjectChange {
        market: new.market,
        limit: new.limit.map(LimitShape::read).transpose()?,
        claim_key: new.claim_key,
        archived: false,
    };
    let project = governance::put_project(&gateway, organization, &name, change).await?;
    Ok((StatusCode::CREATED, Json(project.into())))
}

/// Change a project. The next request sees it.
#[utoipa::path(patch, path = "/api/organizations/{organization}/projects/{project}", operation_id = "change_project", tag = "admin", request_body = ProjectPatch,
    params(("organization" = String, Path, description = "Its name."), ("project" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The project as it is now.", body = ProjectView), Refusals, NoSuch, BadBody))]
pub(super) async fn change(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path((organization, project)): Path<(String, String)>,
    Body(patch): Body<ProjectPatch>,
) -> Result<Json<ProjectView>, Refusal> {
    let change = ProjectChange {
        market: patch.market,
        limit: patch.limit.map(LimitShape::read).transpose()?,
        claim_key: patch.claim_key,
        archived: false,
    };
    put(&gateway, &organization, &project, change).await
}

/// Archive a project: its keys are no longer served, what was recorded stays.
#[utoipa::path(delete, path = "/api/organizations/{organization}/projects/{project}", operation_id = "archive_project", tag = "admin",
    params(("organization" = String, Path, description = "Its name."), ("project" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The archived project.", body = ProjectView), Refusals, NoSuch))]
pub(super) async fn archive(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path((organization, project)): Path<(String, String)>,
) -> Result<Json<ProjectView>, Refusal> {
    let change = ProjectChange {
        archived: true,
        ..ProjectChange::default()
    };
    put(&gateway, &organization, &project, change).await
}

/// Changes a project that there is.
async fn put(
    gateway: &Gateway,
    organization: &str,
    project: &str,
    change: ProjectChange,
) -> Result<Json<ProjectView>, Refusal> {
    let organization = gateway.organization(organization)?.id;
    governance::project(gateway, organization, project)?;
    Ok(Json(
        governance::put_project(gateway, organization, project, change)
            .await?
            .into(),
    ))
}
