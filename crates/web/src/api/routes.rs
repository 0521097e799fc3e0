//! Routes, explained: which providers may be asked for a model from a market, in which order, and why not the others.

use std::sync::Arc;

use axum::{Json, extract::State};
use cultivar_gateway::{Caller, Gateway, LeftAlone, Ruling};
use cultivar_record::{ApiKey, Market, ProviderKind, Purpose, Reason, TermsKey, VerdictId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Refusal,
    extract::{Administrator, Query},
    organization_or_own,
    refusal::{NoSuch, Refusals},
    shapes::{DecisionName, Id, KindName, MarketCode, PurposeName, TermsRow, decision},
};

/// Which route.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The model, by its name at the gateway.
    model: String,
    /// From where; the organisation's market where none is named.
    #[param(value_type = Option<MarketCode>)]
    market: Option<Market>,
    /// The name of the organisation that asks; the one that runs the door where none is named.
    organization: Option<String>,
    /// What the key would be issued for.
    #[serde(default = "serve")]
    #[param(value_type = Option<PurposeName>, default = "serve")]
    purpose: Purpose,
}

const fn serve() -> Purpose {
    Purpose::Serve
}

/// A route, explained.
#[derive(Serialize, ToSchema)]
pub(super) struct Explained {
    model: String,
    #[schema(value_type = MarketCode)]
    market: Market,
    /// Where the facts about the market come from.
    market_source: Option<String>,
    /// The name of the organisation.
    organization: String,
    #[schema(value_type = PurposeName)]
    purpose: Purpose,
    /// Those that are asked come first, in the order in which they are asked.
    candidates: Vec<Candidate>,
}

/// A provider of the model.
#[derive(Serialize, ToSchema)]
struct Candidate {
    /// Its name.
    provider: String,
    #[schema(value_type = KindName)]
    kind: ProviderKind,
    /// Whether it is asked now.
    asked: bool,
    #[schema(value_type = DecisionName)]
    decision: &'static str,
    /// The recorded verdict.
    #[schema(value_type = Id)]
    verdict: VerdictId,
    #[schema(value_type = TermsRow)]
    terms: TermsKey,
    /// The policies that decided.
    reasons: Vec<Why>,
    left_alone: Option<LeftAloneView>,
}

/// A policy that decided, and what it read.
#[derive(Serialize, ToSchema)]
struct Why {
    /// Its id.
    policy: String,
    /// The fact of the terms that it read.
    fact: Option<String>,
    /// What the terms say.
    value: Option<String>,
    /// The clause behind the fact.
    clause: Option<String>,
    /// What to do instead.
    advice: Option<String>,
}

impl From<&Reason> for Why {
    fn from(reason: &Reason) -> Self {
        Self {
            policy: reason.policy.clone(),
            fact: reason.fact.map(|fact| fact.to_string()),
            value: reason.value.map(|value| value.to_string()),
            clause: reason.clause.clone(),
            advice: reason.advice.clone(),
        }
    }
}

/// Why a permitted provider is not asked for now.
#[derive(Serialize, ToSchema)]
struct LeftAloneView {
    /// `failing`: it failed too often and is tried again later; `incident`: it said that our account is warned or disabled.
    why: &'static str,
    /// The open incident.
    #[schema(value_type = Option<Id>)]
    incident: Option<cultivar_record::IncidentId>,
}

impl From<LeftAlone> for LeftAloneView {
    fn from(left_alone: LeftAlone) -> Self {
        match left_alone {
            LeftAlone::Failing => Self {
                why: "failing",
                incident: None,
            },
            LeftAlone::Incident(incident) => Self {
                why: "incident",
                incident: Some(incident.id),
            },
        }
    }
}

impl From<Ruling> for Candidate {
    fn from(ruling: Ruling) -> Self {
        let (provider, verdict) = (&ruling.offer.provider, &ruling.verdict);
        Self {
            provider: provider.name.clone(),
            kind: provider.kind,
            asked: verdict.permits() && ruling.left_alone.is_none(),
            decision: decision(verdict.decision),
            verdict: verdict.id,
            terms: verdict.terms.clone(),
            reasons: verdict.reasons.iter().map(Why::from).collect(),
            left_alone: ruling.left_alone.map(LeftAloneView::from),
        }
    }
}

/// Explain who is asked for a model. The verdicts are recorded as they would be for a request; nobody is asked.
#[utoipa::path(get, path = "/api/routes", operation_id = "explain_route", tag = "admin", params(Wanted),
    responses((status = 200, description = "The candidates and what is ruled about each.", body = Explained), Refusals, NoSuch))]
pub(super) async fn explain(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Explained>, Refusal> {
    let organization = organization_or_own(&gateway, wanted.organization.as_deref(), &caller).await?;
    let market = wanted.market.unwrap_or_else(|| organization.market.clone());
    let asking = Caller {
        key: Arc::new(ApiKey {
            organization: organization.id,
            purpose: wanted.purpose,
            models: Vec::new(),
            ..ApiKey::clone(&caller.key)
        }),
        organization: Arc::new(organization),
        project: None,
        market,
    };
    let rulings = gateway.explain_route(&asking, &wanted.model).await?;
    Ok(Json(Explained {
        model: wanted.model,
        market_source: gateway.markets().source(&asking.market).map(str::to_owned),
        market: asking.market,
        organization: asking.organization.name.clone(),
        purpose: wanted.purpose,
        candidates: rulings.into_iter().map(Candidate::from).collect(),
    }))
}
