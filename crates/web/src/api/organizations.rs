//! Organisations: created, shown, changed, put into another standing.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::{Gateway, OrganizationChange};
use cultivar_record::{Enforcement, Market, Organization, OrganizationId, Retention, Standing, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body, Path},
    read,
    refusal::{BadBody, NoSuch, Refusals, Taken},
    shapes::{Address, Id, LimitShape, MarketCode, Moment, Name, RetentionName, StandingName, Words, object},
    taken,
};

/// A customer.
#[derive(Serialize, ToSchema)]
pub(super) struct OrganizationView {
    #[schema(value_type = Id)]
    id: OrganizationId,
    /// Unique in the data directory.
    name: String,
    /// The market from which it asks.
    #[schema(value_type = MarketCode)]
    market: Market,
    #[schema(value_type = StandingName)]
    standing: Standing,
    #[schema(value_type = Moment)]
    created_at: Timestamp,
    /// The case that led to its standing.
    enforcement: Option<EnforcementShape>,
    /// What all its keys together may use.
    limit: LimitShape,
    #[schema(value_type = RetentionName)]
    retention: Retention,
    /// Where storing and processing must happen; anywhere where none is named.
    #[schema(value_type = Vec<MarketCode>)]
    residency: Vec<Market>,
    /// Where alerts about its spending are sent.
    alert_url: Option<String>,
}

impl From<Organization> for OrganizationView {
    fn from(row: Organization) -> Self {
        Self {
            id: row.id,
            name: row.name,
            market: row.market,
            standing: row.standing,
            created_at: row.created_at,
            enforcement: row.enforcement.map(EnforcementShape::from),
            limit: row.limit.into(),
            retention: row.retention,
            residency: row.residency,
            alert_url: row.alert_url,
        }
    }
}

/// A case: what the organisation is told with each refusal.
#[derive(Serialize, ToSchema)]
struct EnforcementShape {
    case_id: String,
    /// Why, in words for the organisation.
    reason: String,
    /// Until when the measure holds, where that is known.
    #[schema(value_type = Option<Moment>)]
    until: Option<Timestamp>,
    /// Where to object.
    appeal_url: Option<String>,
}

impl From<Enforcement> for EnforcementShape {
    fn from(case: Enforcement) -> Self {
        Self {
            case_id: case.case_id,
            reason: case.reason,
            until: case.until,
            appeal_url: case.appeal_url,
        }
    }
}

/// An organisation to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrganization {
    name: Name,
    #[schema(value_type = MarketCode)]
    market: Market,
    #[serde(default, deserialize_with = "object")]
    limit: Option<LimitShape>,
    #[serde(default)]
    #[schema(value_type = Option<RetentionName>)]
    retention: Option<Retention>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<MarketCode>>)]
    residency: Option<Vec<Market>>,
    #[serde(default)]
    alert_url: Option<Address>,
}

/// What is changed of an organisation; what is left out or null stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationPatch {
    #[serde(default)]
    #[schema(value_type = Option<MarketCode>)]
    market: Option<Market>,
    /// Replaces the whole limit; `{}` lifts it.
    #[serde(default, deserialize_with = "object")]
    limit: Option<LimitShape>,
    #[serde(default)]
    #[schema(value_type = Option<RetentionName>)]
    retention: Option<Retention>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<MarketCode>>)]
    residency: Option<Vec<Market>>,
    #[serde(default)]
    alert_url: Option<Address>,
    /// Whether alerts are sent nowhere from now on.
    #[serde(default)]
    no_alert_url: bool,
}

/// A standing, and the case behind it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStanding {
    #[schema(value_type = StandingName)]
    standing: Standing,
    #[serde(default, deserialize_with = "object")]
    enforcement: Option<NewEnforcement>,
}

/// A case: what the organisation is told with each refusal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEnforcement {
    case_id: Words,
    reason: Words,
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    until: Option<Timestamp>,
    #[serde(default)]
    appeal_url: Option<Address>,
}

/// List the organisations.
#[utoipa::path(get, path = "/api/organizations", operation_id = "list_organizations", tag = "admin",
    responses((status = 200, description = "All organisations.", body = List<OrganizationView>), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
) -> Result<Json<List<OrganizationView>>, Refusal> {
    Ok(List::of(read(&gateway, tables::organization::list).await?))
}

/// Create an organisation.
#[utoipa::path(post, path = "/api/organizations", operation_id = "create_organization", tag = "admin", request_body = NewOrganization,
    responses((status = 201, description = "It was created.", body = OrganizationView), Refusals, BadBody, Taken))]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Body(new): Body<NewOrganization>,
) -> Result<(StatusCode, Json<OrganizationView>), Refusal> {
    let Name(name) = new.name;
    if gateway.organization(&name).is_ok() {
        return Err(taken("org", &name));
    }
    let change = OrganizationChange {
        market: None,
        limit: new.limit.map(LimitShape::read).transpose()?,
        retention: new.retention,
        residency: new.residency,
        alert_url: new.alert_url.map(|Address(url)| url),
    };
    gateway.create_organization(&name, new.market).await?;
    let organization = gateway.change_organization(&name, change).await?;
    Ok((StatusCode::CREATED, Json(organization.into())))
}

/// Show an organisation.
#[utoipa::path(get, path = "/api/organizations/{organization}", operation_id = "show_organization", tag = "admin",
    params(("organization" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The organisation.", body = OrganizationView), Refusals, NoSuch))]
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(name): Path<String>,
) -> Result<Json<OrganizationView>, Refusal> {
    Ok(Json(gateway.organization(&name)?.into()))
}

/// Change an organisation. The next request sees it.
#[utoipa::path(patch, path = "/api/organizations/{organization}", operation_id = "change_organization", tag = "admin", request_body = OrganizationPatch,
    params(("organization" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The organisation as it is now.", body = OrganizationView), Refusals, NoSuch, BadBody))]
pub(super) async fn change(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(name): Path<String>,
    Body(patch): Body<OrganizationPatch>,
) -> Result<Json<OrganizationView>, Refusal> {
    let url = patch.alert_url.map(|Address(url)| url);
    let change = OrganizationChange {
        market: patch.market,
        limit: patch.limit.map(LimitShape::read).transpose()?,
        retention: patch.retention,
        residency: patch.residency,
        alert_url: url.or_else(|| patch.no_alert_url.then(String::new)),
    };
    Ok(Json(gateway.change_organization(&name, change).await?.into()))
}

/// Put an organisation into a standing. The next request sees it; running streams of one that is no longer served break off.
#[utoipa::path(put, path = "/api/organizations/{organization}/standing", operation_id = "set_standing", tag = "admin", request_body = NewStanding,
    params(("organization" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The organisation as it is now.", body = OrganizationView), Refusals, NoSuch, BadBody))]
pub(super) async fn set_standing(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(name): Path<String>,
    Body(new): Body<NewStanding>,
) -> Result<Json<OrganizationView>, Refusal> {
    let case = new.enforcement.map(|case| Enforcement {
        case_id: case.case_id.0,
        reason: case.reason.0,
        until: case.until,
        appeal_url: case.appeal_url.map(|Address(url)| url),
    });
    Ok(Json(gateway.set_standing(&name, new.standing, case).await?.into()))
}
