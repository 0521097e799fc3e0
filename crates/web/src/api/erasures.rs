//! Erasures: what was said is destroyed, and the ledger says so.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_erasure::{ErasureError, Finished, Order, Selection};
use cultivar_gateway::{Gateway, GatewayError};
use cultivar_record::{
    ConversationId, Digest, Erasure, ErasureId, ErasureReason, ExchangeId, LeafIndex, OrganizationId, Timestamp,
};
use cultivar_store::tables;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body},
    read,
    refusal::{BadBody, NoSuch, Refusals, Taken},
    shapes::{ErasureReasonName, Id, Moment, Name, Sha256, Words},
};

/// An erasure.
#[derive(Serialize, ToSchema)]
pub(super) struct ErasureView {
    #[schema(value_type = Id)]
    id: ErasureId,
    #[schema(value_type = Id)]
    organization: OrganizationId,
    /// The exchanges whose text and salts are destroyed.
    #[schema(value_type = Vec<Id>)]
    exchanges: Vec<ExchangeId>,
    #[schema(value_type = ErasureReasonName)]
    reason: ErasureReason,
    /// Digest of the legal basis in its words.
    #[schema(value_type = Sha256)]
    basis: Digest,
    /// Who decided it.
    by: String,
    #[schema(value_type = Moment)]
    at: Timestamp,
    /// Where the ledger holds the tombstone; null while it is not finished.
    leaf: Option<u64>,
}

impl From<(Erasure, Option<LeafIndex>)> for ErasureView {
    fn from((row, leaf): (Erasure, Option<LeafIndex>)) -> Self {
        Self {
            id: row.id,
            organization: row.organization,
            exchanges: row.exchanges.iter().map(|erased| erased.exchange).collect(),
            reason: row.reason,
            basis: row.basis,
            by: row.by,
            at: row.at,
            leaf: leaf.map(|leaf| leaf.0),
        }
    }
}

impl From<Finished> for ErasureView {
    fn from(finished: Finished) -> Self {
        Self::from((finished.erasure, Some(finished.leaf)))
    }
}

/// Which exchanges are to be erased, and why. Exactly one of `exchanges`, `conversation` and `organization` is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ErasureRequest {
    /// These.
    #[serde(default)]
    #[schema(value_type = Vec<Id>)]
    exchanges: Vec<ExchangeId>,
    /// Those of a conversation.
    #[serde(default)]
    #[schema(value_type = Option<Id>)]
    conversation: Option<ConversationId>,
    /// Those of an organisation, by its name.
    #[serde(default)]
    organization: Option<Name>,
    /// Of the organisation's, those that began before this moment.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    before: Option<Timestamp>,
    #[schema(value_type = ErasureReasonName)]
    reason: ErasureReason,
    /// The legal basis: its digest alone is kept.
    basis: Words,
    /// Who decided it.
    by: Words,
}

impl From<ErasureError> for Refusal {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Gateway(error) => error.into(),
            ErasureError::Store(error) => error.into(),
            ErasureError::Record(error) => GatewayError::from(error).into(),
            error => {
                let status = match error {
                    ErasureError::Nothing => StatusCode::NOT_FOUND,
                    _ => StatusCode::CONFLICT,
                };
                let code = error.code().map(|code| code.to_string()).unwrap_or_default();
                let help = error.help().map(|help| format!("; {help}")).unwrap_or_default();
                Self::told(status, &code, &format!("{error}{help}"), None)
            }
        }
    }
}

/// List the erasures. One without a leaf was begun and is not finished.
#[utoipa::path(get, path = "/api/erasures", operation_id = "list_erasures", tag = "admin",
    responses((status = 200, description = "All erasures.", body = List<ErasureView>), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
) -> Result<Json<List<ErasureView>>, Refusal> {
    Ok(List::of(read(&gateway, tables::erasure::list).await?))
}

/// Erase exchanges: what was said and the salts are destroyed, and a tombstone is appended to the ledger.
#[utoipa::path(post, path = "/api/erasures", operation_id = "erase_exchanges", tag = "admin", request_body = ErasureRequest,
    responses((status = 201, description = "What was erased, one erasure for each organisation.", body = List<ErasureView>),
        Refusals, NoSuch, Taken, BadBody))]
pub(super) async fn erase(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Body(asked): Body<ErasureRequest>,
) -> Result<(StatusCode, Json<List<ErasureView>>), Refusal> {
    let selection = selection(&gateway, &asked)?;
    let order = Order {
        selection,
        reason: asked.reason,
        basis: asked.basis.0,
        by: asked.by.0,
    };
    let erased = tokio::task::spawn_blocking(move || cultivar_erasure::erase(&gateway, &order));
    let erased = erased.await.map_err(|_| GatewayError::Stopped)??;
    Ok((StatusCode::CREATED, List::of(erased)))
}

fn selection(gateway: &Gateway, asked: &ErasureRequest) -> Result<Selection, Refusal> {
    let one = "give exactly one of `exchanges`, `conversation` and `organization`";
    match (asked.exchanges.as_slice(), asked.conversation, &asked.organization) {
        (_, _, None) if asked.before.is_some() => {
            Err(Refusal::invalid("`before` goes with `organization`", Some("before")))
        }
        ([_, ..], None, None) => Ok(Selection::These(asked.exchanges.clone())),
        ([], Some(conversation), None) => Ok(Selection::Conversation(conversation)),
        ([], None, Some(name)) => {
            let organization = gateway.organization(&name.0)?;
            Ok(Selection::Organization(organization.id, asked.before))
        }
        _ => Err(Refusal::invalid(one, Some("exchanges"))),
    }
}
