//! Approvals: a model of one's own may be offered in a market.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::{Gateway, NewApproval};
use cultivar_record::{Approval, ApprovalId, Market, OrganizationId, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body, Path},
    missing, read,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{Id, MarketCode, Moment, Name, Words},
};

/// A decision that a model may be offered in a market.
#[derive(Serialize, ToSchema)]
pub(super) struct ApprovalView {
    #[schema(value_type = Id)]
    id: ApprovalId,
    #[schema(value_type = Id)]
    organization: OrganizationId,
    /// The model, by its name at the gateway.
    model: String,
    #[schema(value_type = MarketCode)]
    market: Market,
    /// Who decided.
    granted_by: String,
    /// On which ground: the number of a decision, the name of a document.
    reference: String,
    #[schema(value_type = Moment)]
    at: Timestamp,
    #[schema(value_type = Option<Moment>)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<Moment>)]
    revoked_at: Option<Timestamp>,
}

impl From<Approval> for ApprovalView {
    fn from(row: Approval) -> Self {
        Self {
            id: row.id,
            organization: row.organization,
            model: row.model,
            market: row.market,
            granted_by: row.granted_by,
            reference: row.reference,
            at: row.at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// An approval to be recorded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalRequest {
    /// The model, by its name at the gateway.
    model: Name,
    #[schema(value_type = MarketCode)]
    market: Market,
    granted_by: Words,
    reference: Words,
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    expires_at: Option<Timestamp>,
}

/// List the approvals, revoked ones included.
#[utoipa::path(get, path = "/api/approvals", operation_id = "list_approvals", tag = "admin",
    responses((status = 200, description = "All approvals.", body = List<ApprovalView>), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
) -> Result<Json<List<ApprovalView>>, Refusal> {
    Ok(List::of(read(&gateway, tables::approval::list).await?))
}

/// Record an approval. Routing sees it at once.
#[utoipa::path(post, path = "/api/approvals", operation_id = "grant_approval", tag = "admin", request_body = ApprovalRequest,
    responses((status = 201, description = "It was recorded.", body = ApprovalView), Refusals, NoSuch, BadBody))]
pub(super) async fn grant(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(new): Body<ApprovalRequest>,
) -> Result<(StatusCode, Json<ApprovalView>), Refusal> {
    let new = NewApproval {
        model: new.model.0,
        market: new.market,
        granted_by: new.granted_by.0,
        reference: new.reference.0,
        expires_at: new.expires_at,
    };
    let approval = gateway.grant_approval(caller.organization.id, new).await?;
    Ok((StatusCode::CREATED, Json(approval.into())))
}

/// Revoke an approval. Routing sees it at once.
#[utoipa::path(delete, path = "/api/approvals/{approval}", operation_id = "revoke_approval", tag = "admin",
    params(("approval" = Id, Path, description = "Its id.")),
    responses((status = 200, description = "The revoked approval.", body = ApprovalView), Refusals, NoSuch))]
pub(super) async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(id): Path<String>,
) -> Result<Json<ApprovalView>, Refusal> {
    let id: ApprovalId = id.parse().map_err(|_| missing("approval", &id))?;
    Ok(Json(gateway.revoke_approval(id).await?.into()))
}
