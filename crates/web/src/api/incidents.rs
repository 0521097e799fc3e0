//! Incidents: a provider said that our own account there is warned or disabled; a person closes them.

use std::sync::Arc;

use axum::{Json, extract::State};
use cultivar_gateway::Gateway;
use cultivar_record::{ExchangeId, Incident, IncidentId, OrganizationId, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body, Path},
    missing, read,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{Id, Moment, Words},
};

/// A provider's sign about our own account. While it is open, the provider is not asked.
#[derive(Serialize, ToSchema)]
pub(super) struct IncidentView {
    #[schema(value_type = Id)]
    id: IncidentId,
    #[schema(value_type = Id)]
    organization: OrganizationId,
    /// The provider, by name.
    provider: String,
    /// Which sign it gave.
    sign: String,
    /// The exchange in which it gave it.
    #[schema(value_type = Id)]
    exchange: ExchangeId,
    /// Its HTTP status.
    status: u16,
    #[schema(value_type = Moment)]
    at: Timestamp,
    #[schema(value_type = Option<Moment>)]
    closed_at: Option<Timestamp>,
    closed_by: Option<String>,
}

impl From<Incident> for IncidentView {
    fn from(row: Incident) -> Self {
        Self {
            id: row.id,
            organization: row.organization,
            provider: row.provider,
            sign: row.sign,
            exchange: row.exchange,
            status: row.status,
            at: row.at,
            closed_at: row.closed_at,
            closed_by: row.closed_by,
        }
    }
}

/// Who closes an incident.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Closing {
    /// The person, and why.
    closed_by: Words,
}

/// List the incidents, closed ones included.
#[utoipa::path(get, path = "/api/incidents", operation_id = "list_incidents", tag = "admin",
    responses((status = 200, description = "All incidents.", body = List<IncidentView>), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
) -> Result<Json<List<IncidentView>>, Refusal> {
    Ok(List::of(read(&gateway, tables::incident::list).await?))
}

/// Close an incident: it is settled with the provider, which is asked again from now on.
#[utoipa::path(post, path = "/api/incidents/{incident}/close", operation_id = "close_incident", tag = "admin", request_body = Closing,
    params(("incident" = Id, Path, description = "Its id.")),
    responses((status = 200, description = "The closed incident.", body = IncidentView), Refusals, NoSuch, BadBody))]
pub(super) async fn close(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(id): Path<String>,
    Body(closing): Body<Closing>,
) -> Result<Json<IncidentView>, Refusal> {
    let id: IncidentId = id.parse().map_err(|_| missing("incident", &id))?;
    Ok(Json(gateway.close_incident(id, &closing.closed_by.0).await?.into()))
}
