//! Exchanges: what was recorded of each call. Metadata and digests; the text of nobody.

use std::sync::Arc;

use axum::{Json, extract::State};
use cultivar_gateway::Gateway;
use cultivar_record::{
    ApiKeyId, ConversationId, Digest, Endpoint, Exchange, ExchangeId, ExchangeOutcome, Market, OrganizationId,
    ProjectId, Purpose, TermsKey, Timestamp, VerdictId,
};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Refusal,
    extract::{Administrator, Path, Query},
    missing, read,
    refusal::{NoSuch, Refusals},
    shapes::{EndpointName, Id, MarketCode, Moment, PurposeName, Sha256, TermsRow},
};

/// Exchanges on a page unless somebody says otherwise.
const USUAL_PAGE: u32 = 100;
/// Most exchanges on a page.
const LARGEST_PAGE: u32 = 1_000;

/// Which exchanges.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those after the exchange with this id.
    #[param(value_type = Option<Id>)]
    after: Option<ExchangeId>,
    /// Those that began from this moment on.
    #[param(value_type = Option<Moment>)]
    from: Option<Timestamp>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// A page of exchanges.
#[derive(Serialize, ToSchema)]
pub(super) struct Page {
    /// Oldest first.
    data: Vec<ExchangeView>,
    /// What to give as `after` for the next page; null where this is the last.
    #[schema(value_type = Option<Id>)]
    next: Option<ExchangeId>,
}

/// A recorded call.
#[derive(Serialize, ToSchema)]
pub(super) struct ExchangeView {
    #[schema(value_type = Id)]
    id: ExchangeId,
    /// When it began.
    #[schema(value_type = Moment)]
    at: Timestamp,
    #[schema(value_type = Option<Moment>)]
    ended_at: Option<Timestamp>,
    /// `open`, `answered`, `partial`, `failed`, `unknown`.
    state: &'static str,
    #[schema(value_type = EndpointName)]
    endpoint: Endpoint,
    #[schema(value_type = Id)]
    organization: OrganizationId,
    #[schema(value_type = Option<Id>)]
    project: Option<ProjectId>,
    #[schema(value_type = Id)]
    api_key: ApiKeyId,
    #[schema(value_type = PurposeName)]
    purpose: Purpose,
    #[schema(value_type = MarketCode)]
    market: Market,
    /// The model asked for.
    model: String,
    provider: String,
    /// The model's name at the provider.
    provider_model: String,
    #[schema(value_type = Option<Id>)]
    conversation: Option<ConversationId>,
    /// The first attempt at the same question, where this is a later one.
    #[schema(value_type = Option<Id>)]
    attempt_of: Option<ExchangeId>,
    #[schema(value_type = TermsRow)]
    terms: TermsKey,
    #[schema(value_type = Sha256)]
    terms_digest: Digest,
    /// The verdict that permitted it.
    #[schema(value_type = Id)]
    verdict: VerdictId,
    /// The request as it was kept, by its digest.
    #[schema(value_type = Sha256)]
    request: Digest,
    /// The answer as it was kept, by its digest.
    #[schema(value_type = Option<Sha256>)]
    answer: Option<Digest>,
    prompt_tokens: u64,
    completion_tokens: u64,
    /// Whether the tokens were estimated, since the provider did not count them.
    estimated: bool,
    cost_micro_usd: i64,
    /// The provider's own id of the call.
    provider_request_id: Option<String>,
    /// Why there is no answer: a stable code.
    failure: Option<String>,
    /// The provider's HTTP status where it refused.
    failure_status: Option<u16>,
    /// Where the ledger holds the intent.
    intent_leaf: u64,
    /// Where the ledger holds the outcome.
    outcome_leaf: Option<u64>,
}

impl From<Exchange> for ExchangeView {
    fn from(row: Exchange) -> Self {
        let (intent, outcome) = (row.intent, row.outcome);
        let (usage, cost) = outcome.as_ref().map(ExchangeOutcome::bill).unwrap_or_default();
        let failure = match &outcome {
            Some(ExchangeOutcome::Failed { failure }) => Some(failure.clone()),
            _ => None,
        };
        Self {
            id: intent.id,
            at: intent.at,
            ended_at: row.ended_at,
            state: outcome.as_ref().map_or("open", ExchangeOutcome::name),
            endpoint: intent.endpoint,
            organization: intent.organization,
            project: intent.project,
            api_key: intent.api_key,
            purpose: intent.purpose,
            market: intent.market,
            model: intent.model,
            provider: intent.provider,
            provider_model: intent.provider_model,
            conversation: intent.conversation,
            attempt_of: intent.attempt_of,
            terms: intent.terms,
            terms_digest: intent.terms_digest,
            verdict: intent.verdict,
            request: intent.request,
            answer: outcome.as_ref().and_then(ExchangeOutcome::answer),
            prompt_tokens: usage.prompt.get(),
            completion_tokens: usage.completion.get(),
            estimated: usage.estimated,
            cost_micro_usd: cost.get(),
            provider_request_id: outcome
                .as_ref()
                .and_then(ExchangeOutcome::provider_request_id)
                .map(str::to_owned),
            failure_status: failure.as_ref().and_then(|failure| failure.status),
            failure: failure.map(|failure| failure.code),
            intent_leaf: row.intent_leaf.0,
            outcome_leaf: row.outcome_leaf.map(|leaf| leaf.0),
        }
    }
}

/// List exchanges, oldest first.
#[utoipa::path(get, path = "/api/exchanges", operation_id = "list_exchanges", tag = "admin", params(Wanted),
    responses((status = 200, description = "A page of exchanges.", body = Page), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page>, Refusal> {
    let most = wanted.limit.unwrap_or(USUAL_PAGE);
    if !(1..=LARGEST_PAGE).contains(&most) {
        return Err(Refusal::invalid("a page has 1 to 1000 exchanges", Some("limit")));
    }
    // An id begins with its time: the smallest one of a moment stands before every exchange from then on.
    let first = wanted.from.map(|from| ExchangeId::from_parts(from, &[0; 32]));
    let after = wanted.after.max(first);
    let rows = read(&gateway, move |tx| tables::exchange::page(tx, after, most)).await?;
    let is_full = rows.len() >= usize::try_from(most).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| is_full).map(|exchange| exchange.intent.id);
    let data = rows.into_iter().map(ExchangeView::from).collect();
    Ok(Json(Page { data, next }))
}

/// Show an exchange.
#[utoipa::path(get, path = "/api/exchanges/{exchange}", operation_id = "show_exchange", tag = "admin",
    params(("exchange" = Id, Path, description = "Its id: the `x-request-id` of its answer.")),
    responses((status = 200, description = "The exchange.", body = ExchangeView), Refusals, NoSuch))]
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(id): Path<String>,
) -> Result<Json<ExchangeView>, Refusal> {
    let id: ExchangeId = id.parse().map_err(|_| missing("exchange", &id))?;
    Ok(Json(
        read(&gateway, move |tx| tables::exchange::get(tx, id)).await?.into(),
    ))
}
