//! API keys: issued, listed, revoked.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::{Gateway, NewKey};
use cultivar_governance as governance;
use cultivar_record::{ApiKey, ApiKeyId, IpRange, Market, Organization, OrganizationId, ProjectId, Purpose, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    List, Refusal,
    extract::{Administrator, Body, Path, Query},
    missing, organization_or_own, read,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{AddressRange, Id, LimitShape, MarketCode, Moment, Name, PurposeName, object},
};

/// Most models or addresses that a key names.
const MOST_NAMED: usize = 100;

/// A key, without its text.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyView {
    #[schema(value_type = Id)]
    id: ApiKeyId,
    /// Whose it is.
    #[schema(value_type = Id)]
    organization: OrganizationId,
    /// A name for people.
    name: String,
    /// The visible beginning of the key.
    prefix: String,
    #[schema(value_type = PurposeName)]
    purpose: Purpose,
    #[schema(value_type = Moment)]
    created_at: Timestamp,
    #[schema(value_type = Option<Moment>)]
    revoked_at: Option<Timestamp>,
    /// The project that it belongs to.
    #[schema(value_type = Option<Id>)]
    project: Option<ProjectId>,
    /// The market from which it asks; the project's or the organisation's where it has none.
    #[schema(value_type = Option<MarketCode>)]
    market: Option<Market>,
    /// The models that may be asked with it; all where none is named.
    models: Vec<String>,
    /// Until when it is served.
    #[schema(value_type = Option<Moment>)]
    expires_at: Option<Timestamp>,
    /// The addresses from which it is served; all where none is named.
    #[schema(value_type = Vec<String>)]
    allowed_ips: Vec<IpRange>,
    /// What may be used with it.
    limit: LimitShape,
}

impl From<ApiKey> for KeyView {
    fn from(row: ApiKey) -> Self {
        Self {
            id: row.id,
            organization: row.organization,
            name: row.name,
            prefix: row.prefix,
            purpose: row.purpose,
            created_at: row.created_at,
            revoked_at: row.revoked_at,
            project: row.project,
            market: row.market,
            models: row.models,
            expires_at: row.expires_at,
            allowed_ips: row.allowed_ips,
            limit: row.limit.into(),
        }
    }
}

/// A key to be issued.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    name: Name,
    /// What it may be used for. A key to administer belongs to the organisation that runs the door.
    #[serde(default = "serve")]
    #[schema(value_type = PurposeName, default = "serve")]
    purpose: Purpose,
    /// The name of the organisation; the one that runs the door where none is named.
    #[serde(default)]
    organization: Option<String>,
    /// The name of a project of the organisation.
    #[serde(default)]
    project: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<MarketCode>)]
    market: Option<Market>,
    /// The models that may be asked with it; all where none is named.
    #[serde(default)]
    #[schema(max_items = 100)]
    models: Vec<Name>,
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    expires_at: Option<Timestamp>,
    /// The addresses from which it is served, in CIDR notation; all where none is named.
    #[serde(default)]
    #[schema(value_type = Vec<AddressRange>, max_items = 100)]
    allowed_ips: Vec<IpRange>,
    #[serde(default, deserialize_with = "object")]
    limit: Option<LimitShape>,
}

const fn serve() -> Purpose {
    Purpose::Serve
}

/// An issued key.
#[derive(Serialize, ToSchema)]
pub(super) struct IssuedKey {
    /// Its text: said here once, and stored nowhere.
    key: String,
    api_key: KeyView,
}

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Those of the organisation with this name; all where none is named.
    organization: Option<String>,
}

/// List the keys, revoked ones included.
#[utoipa::path(get, path = "/api/keys", operation_id = "list_keys", tag = "admin", params(Whose),
    responses((status = 200, description = "The keys, without their texts.", body = List<KeyView>), Refusals, NoSuch))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Query(whose): Query<Whose>,
) -> Result<Json<List<KeyView>>, Refusal> {
    let organization = whose.organization.map(|name| gateway.organization(&name)).transpose()?;
    let keys = read(&gateway, tables::api_key::list).await?.into_iter();
    Ok(List::of(keys.filter(|key| {
        organization
            .as_ref()
            .is_none_or(|organization| organization.id == key.organization)
    })))
}

/// Issue a key. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/keys", operation_id = "create_key", tag = "admin", request_body = KeyRequest,
    responses((status = 201, description = "It was issued.", body = IssuedKey), Refusals, NoSuch, BadBody))]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(wanted): Body<KeyRequest>,
) -> Result<(StatusCode, Json<IssuedKey>), Refusal> {
    let organization = organization_or_own(&gateway, wanted.organization.as_deref(), &caller).await?;
    if wanted.purpose == Purpose::Administer && organization.id != caller.organization.id {
        let told = "a key to administer belongs to the organisation that runs the door";
        return Err(Refusal::invalid(told, Some("organization")));
    }
    let new = new_key(&gateway, &organization, wanted)?;
    let (api_key, key) = gateway.issue(&organization, new).await?;
    let issued = IssuedKey {
        key,
        api_key: api_key.into(),
    };
    Ok((StatusCode::CREATED, Json(issued)))
}

fn new_key(gateway: &Gateway, organization: &Organization, wanted: KeyRequest) -> Result<NewKey, Refusal> {
    for (count, param) in [
        (wanted.models.len(), "models"),
        (wanted.allowed_ips.len(), "allowed_ips"),
    ] {
        if count > MOST_NAMED {
            return Err(Refusal::invalid("name at most 100", Some(param)));
        }
    }
    let project = wanted
        .project
        .map(|name| governance::project(gateway, organization.id, &name));
    Ok(NewKey {
        name: wanted.name.0,
        purpose: wanted.purpose,
        project: project.transpose()?.map(|project| project.id),
        market: wanted.market,
        models: wanted.models.into_iter().map(|Name(model)| model).collect(),
        expires_at: wanted.expires_at,
        allowed_ips: wanted.allowed_ips,
        limit: wanted.limit.map(LimitShape::read).transpose()?.unwrap_or_default(),
    })
}

/// Revoke a key. The next request with it is refused, and its running streams break off.
#[utoipa::path(delete, path = "/api/keys/{key}", operation_id = "revoke_key", tag = "admin",
    params(("key" = Id, Path, description = "Its id.")),
    responses((status = 200, description = "The revoked key.", body = KeyView), Refusals, NoSuch))]
pub(super) async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, Refusal> {
    let id: ApiKeyId = id.parse().map_err(|_| missing("key", &id))?;
    Ok(Json(gateway.revoke_key(id).await?.into()))
}
