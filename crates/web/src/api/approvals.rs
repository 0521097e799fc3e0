//! Approvals: a model of one's own may be offered in a market. People sign a statement; the server checks and counts.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::Gateway;
use cultivar_governance::{self as governance, ApprovalState, NewApproval};
use cultivar_policy::{Commerce, Competition};
use cultivar_record::{
    ApprovalId, ApprovalStatement, DutyKind, Market, MemberSignature, Timestamp, UnsignedApproval, Withdrawal,
};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Refusal,
    extract::{Administrator, Body, Path, Query},
    look, missing,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{DutyName, Fault, HandedIn, Id, MarketCode, Moment, Name, SignatureView, Words, object},
};

/// An approval: the statement, who signed it, and whether it opens the market.
#[derive(Serialize, ToSchema)]
pub(super) struct ApprovalView {
    #[schema(value_type = Id)]
    id: ApprovalId,
    /// `in force`, `waiting` for signatures, `void`, or `not signed` where it was recorded before approvals were signed.
    state: &'static str,
    /// What is signed: the line `cultivar/approval/v1` and the canonical JSON of this.
    #[schema(value_type = Option<Object>)]
    statement: Option<ApprovalStatement>,
    #[schema(value_type = Vec<SignatureView>)]
    signatures: Vec<MemberSignature>,
    /// Whose signatures count.
    signers: Vec<String>,
    /// What is missing or void.
    faults: Vec<Fault>,
    #[schema(value_type = Option<Object>)]
    withdrawn: Option<Withdrawal>,
    /// What was recorded before approvals were signed. It opens nothing.
    #[schema(value_type = Option<Object>)]
    unsigned: Option<UnsignedApproval>,
}

impl From<ApprovalState> for ApprovalView {
    fn from(ApprovalState { approval, standing }: ApprovalState) -> Self {
        Self {
            id: approval.statement.id,
            state: super::shapes::state_of(&standing),
            statement: Some(approval.statement),
            signatures: approval.signatures,
            signers: standing.signers,
            faults: standing.faults.iter().map(Fault::of).collect(),
            withdrawn: approval.withdrawn,
            unsigned: None,
        }
    }
}

impl From<UnsignedApproval> for ApprovalView {
    fn from(unsigned: UnsignedApproval) -> Self {
        Self {
            id: unsigned.id,
            state: "not signed",
            statement: None,
            signatures: Vec::new(),
            signers: Vec::new(),
            faults: Vec::new(),
            withdrawn: None,
            unsigned: Some(unsigned),
        }
    }
}

/// All approvals.
#[derive(Serialize, ToSchema)]
pub(super) struct Approvals {
    /// Those of before approvals were signed first, then the oldest first.
    data: Vec<ApprovalView>,
}

/// What is to be approved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalDraft {
    /// The model, by its name at the gateway, or the version that answers: `name@version`.
    model: Name,
    /// The provider, where several answer under the name.
    #[serde(default)]
    provider: Option<Name>,
    #[schema(value_type = MarketCode)]
    market: Market,
    /// Which member asks: that person's signature will not count.
    requested_by: Name,
    /// As long as the market's rule lets it where no time is named.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    expires_at: Option<Timestamp>,
    /// `false` is a finding that the signers make: the model does not compete with those whose answers it learned from.
    #[serde(default = "yes")]
    competes: bool,
    /// Whether commercial use is intended.
    #[serde(default = "yes")]
    commercial: bool,
    /// What the terms of its ancestors ask for and the signers find to be done.
    #[serde(default)]
    #[schema(value_type = Vec<DutyName>, max_items = 10)]
    fulfils: Vec<DutyKind>,
}

const fn yes() -> bool {
    true
}

/// A signed statement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedApproval {
    /// The statement, as it was drafted.
    #[serde(deserialize_with = "object")]
    #[schema(value_type = Object)]
    statement: Option<ApprovalStatement>,
    /// The signature over it.
    signature: HandedIn,
}

/// Who withdraws.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct By {
    /// The person, as named in records.
    #[param(value_type = Words)]
    by: String,
}

impl By {
    /// The person.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(super) fn read(self) -> Result<String, Refusal> {
        let words: Result<Words, _> = self.by.try_into();
        words
            .map(|words| words.0)
            .map_err(|told| Refusal::invalid(told, Some("by")))
    }
}

/// List the approvals and how each stands, withdrawn and unsigned ones included.
#[utoipa::path(get, path = "/api/approvals", operation_id = "list_approvals", tag = "admin",
    responses((status = 200, description = "All approvals.", body = Approvals), Refusals))]
pub(super) async fn list(State(gateway): State<Arc<Gateway>>, _: Administrator) -> Result<Json<Approvals>, Refusal> {
    let all = look(&gateway, |gateway| {
        let unsigned = gateway.store().read(tables::approval::unsigned)?;
        Ok((unsigned, governance::approvals(gateway)?))
    });
    let (unsigned, signed) = all.await?;
    let unsigned = unsigned.into_iter().map(ApprovalView::from);
    Ok(Json(Approvals {
        data: unsigned.chain(signed.into_iter().map(ApprovalView::from)).collect(),
    }))
}

/// Show an approval and how it stands.
#[utoipa::path(get, path = "/api/approvals/{approval}", operation_id = "show_approval", tag = "admin",
    params(("approval" = Id, Path, description = "Its id.")),
    responses((status = 200, description = "The approval.", body = ApprovalView), Refusals, NoSuch))]
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(id): Path<String>,
) -> Result<Json<ApprovalView>, Refusal> {
    let id = read_id(&id)?;
    Ok(Json(
        look(&gateway, move |gateway| governance::approval(gateway, id))
            .await?
            .into(),
    ))
}

/// Draft a statement about everything as it stands now. Nothing is recorded before somebody signs it.
#[utoipa::path(post, path = "/api/approvals/statements", operation_id = "draft_approval", tag = "admin", request_body = ApprovalDraft,
    responses((status = 200, description = "The statement to sign.", body = Object), Refusals, NoSuch, BadBody))]
pub(super) async fn draft(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(new): Body<ApprovalDraft>,
) -> Result<Json<ApprovalStatement>, Refusal> {
    if new.fulfils.len() > 10 {
        return Err(Refusal::invalid("at most 10 duties", Some("fulfils")));
    }
    let new = NewApproval {
        model: new.model.0,
        provider: new.provider.map(|name| name.0),
        market: new.market,
        requested_by: new.requested_by.0,
        expires_at: new.expires_at,
        competition: if new.competes {
            Competition::Competes
        } else {
            Competition::FoundNotToCompete
        },
        commerce: if new.commercial {
            Commerce::Commercial
        } else {
            Commerce::Noncommercial
        },
        fulfils: new.fulfils,
    };
    let draft = look(&gateway, move |gateway| {
        governance::draft_approval(gateway, &caller.organization, new)
    });
    Ok(Json(draft.await?))
}

/// Hand in a signature. Routing sees it at once; the one that completes the quorum opens the market.
#[utoipa::path(post, path = "/api/approvals", operation_id = "sign_approval", tag = "admin", request_body = SignedApproval,
    responses((status = 201, description = "It was recorded.", body = ApprovalView), Refusals, NoSuch, BadBody))]
pub(super) async fn sign(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(new): Body<SignedApproval>,
) -> Result<(StatusCode, Json<ApprovalView>), Refusal> {
    let absent = || Refusal::invalid("it is missing", Some("statement"));
    let statement = new.statement.ok_or_else(absent)?;
    let handed = new.signature.into();
    let signed = governance::sign_approval(&gateway, &caller.organization, statement, &handed).await?;
    Ok((StatusCode::CREATED, Json(signed.into())))
}

/// Withdraw an approval, for good. Routing sees it at once.
#[utoipa::path(delete, path = "/api/approvals/{approval}", operation_id = "withdraw_approval", tag = "admin",
    params(("approval" = Id, Path, description = "Its id."), By),
    responses((status = 200, description = "The withdrawn approval.", body = ApprovalView), Refusals, NoSuch))]
pub(super) async fn withdraw(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
    Query(by): Query<By>,
) -> Result<Json<ApprovalView>, Refusal> {
    let (id, by) = (read_id(&id)?, by.read()?);
    let withdrawn = governance::withdraw_approval(&gateway, &caller.organization, id, &by).await?;
    Ok(Json(withdrawn.into()))
}

fn read_id(id: &str) -> Result<ApprovalId, Refusal> {
    id.parse().map_err(|_| missing("approval", id))
}
