//! Evidence for a model of one's own in a market: what is asked for, what is there, what is missing.

use std::sync::Arc;

use axum::{Json, extract::State};
use cultivar_gateway::{EvidenceThere, Gateway};
use cultivar_governance::{self as governance, HandedIn};
use cultivar_record::{Counts, Digest, Market};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Refusal,
    extract::{Administrator, Body, Query},
    look,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{Fault, MarketCode, Name, Sha256, object},
};

/// Most items that are handed in at once.
const MOST: usize = 100;

/// Which model, where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The model, by its name at the gateway, or the version that answers: `name@version`.
    model: String,
    /// The provider, where several answer under the name.
    #[param(nullable = false)]
    provider: Option<String>,
    #[param(value_type = MarketCode)]
    market: Market,
}

/// The evidence as it stands.
#[derive(Serialize, ToSchema)]
pub(super) struct EvidenceView {
    /// What an approval signs: digest of the checklist and of everything that was handed in.
    #[schema(value_type = Sha256)]
    digest: Digest,
    /// Whether nothing is missing.
    complete: bool,
    /// What the market asks for, with its sources.
    #[schema(value_type = Vec<Object>)]
    checklist: Vec<cultivar_attest::ChecklistItem>,
    /// What was handed in.
    #[schema(value_type = Vec<Object>)]
    items: Vec<cultivar_record::EvidenceItem>,
    /// What is missing or does not suffice.
    faults: Vec<Fault>,
}

impl From<EvidenceThere> for EvidenceView {
    fn from(there: EvidenceThere) -> Self {
        Self {
            digest: there.collected.digest,
            complete: there.collected.faults.is_empty(),
            faults: there.collected.faults.iter().map(Fault::of).collect(),
            checklist: there.checklist.items,
            items: there.items,
        }
    }
}

/// Items to be handed in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidenceRequest {
    /// The model, by its name at the gateway, or the version that answers: `name@version`.
    model: Name,
    /// The provider, where several answer under the name.
    #[serde(default)]
    provider: Option<Name>,
    #[schema(value_type = MarketCode)]
    market: Market,
    /// Which member hands them in.
    by: Name,
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<ItemShape>,
}

/// An item.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ItemShape {
    /// Which one, as the checklist names it.
    key: Name,
    /// Digest of its file.
    #[schema(value_type = Sha256)]
    document: Digest,
    /// What the file counts, where it does.
    #[serde(default, deserialize_with = "object")]
    counts: Option<CountsShape>,
}

/// What was counted in a sample.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CountsShape {
    /// How many were looked at.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    asked: u64,
    /// How many of them passed, were refused, or whatever the item counts.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    counted: u64,
}

/// Show the evidence for a model in a market, and what is missing.
#[utoipa::path(get, path = "/api/evidence", operation_id = "show_evidence", tag = "admin", params(Which),
    responses((status = 200, description = "The evidence.", body = EvidenceView), Refusals, NoSuch))]
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Query(which): Query<Which>,
) -> Result<Json<EvidenceView>, Refusal> {
    let there = look(&gateway, move |gateway| {
        let model = (which.model.as_str(), which.provider.as_deref());
        governance::evidence(gateway, model, &which.market)
    });
    Ok(Json(there.await?.into()))
}

/// Hand in items. What was signed over others is void from then on.
#[utoipa::path(put, path = "/api/evidence", operation_id = "set_evidence", tag = "admin", request_body = EvidenceRequest,
    responses((status = 200, description = "The evidence as it is now.", body = EvidenceView), Refusals, NoSuch, BadBody))]
pub(super) async fn set(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(new): Body<EvidenceRequest>,
) -> Result<Json<EvidenceView>, Refusal> {
    let most = (1_u64 << 53) - 1;
    let is_too_much = |item: &ItemShape| item.counts.as_ref().is_some_and(|counts| counts.asked > most);
    if new.items.is_empty() || new.items.len() > MOST || new.items.iter().any(is_too_much) {
        let told = "hand in 1 to 100 items, with counts that somebody could have counted";
        return Err(Refusal::invalid(told, Some("items")));
    }
    let items = new.items.into_iter().map(|item| HandedIn {
        key: item.key.0,
        document: item.document,
        counts: item.counts.map(|counts| Counts {
            asked: counts.asked,
            counted: counts.counted,
        }),
    });
    let provider = new.provider.map(|name| name.0);
    let model = (new.model.0.as_str(), provider.as_deref());
    let (organization, by) = (&caller.organization, &new.by.0);
    let there = governance::set_evidence(&gateway, organization, model, &new.market, by, items.collect());
    Ok(Json(there.await?.into()))
}
