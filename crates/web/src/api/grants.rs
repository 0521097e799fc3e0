//! Grants: a contract waives facts of some terms. Two people sign a statement of what it says.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::Gateway;
use cultivar_governance::{self as governance, GrantState, NewGrant};
use cultivar_record::{
    Digest, FactName, GrantId, GrantStatement, Market, MemberSignature, TermsKey, Timestamp, UseAction, Withdrawal,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    approvals::By,
    extract::{Administrator, Body, Path, Query},
    look, missing,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{
        ActionName, FactWord, Fault, HandedIn, Id, MarketCode, Moment, Name, Sha256, SignatureView, TermsRow, Words,
        object,
    },
};

/// Most items of one list in a grant.
const MOST: usize = 100;

/// A grant: the statement, who signed it, and whether it is in force.
#[derive(Serialize, ToSchema)]
pub(super) struct GrantView {
    #[schema(value_type = Id)]
    id: GrantId,
    /// `in force`, `waiting` for signatures, or `void`.
    state: &'static str,
    /// What is signed: the line `cultivar/grant/v1` and the canonical JSON of this.
    #[schema(value_type = Object)]
    statement: GrantStatement,
    #[schema(value_type = Vec<SignatureView>)]
    signatures: Vec<MemberSignature>,
    /// Whose signatures count.
    signers: Vec<String>,
    /// What is missing or void.
    faults: Vec<Fault>,
    #[schema(value_type = Option<Object>)]
    revoked: Option<Withdrawal>,
}

impl From<GrantState> for GrantView {
    fn from(GrantState { grant, standing }: GrantState) -> Self {
        Self {
            id: grant.statement.id,
            state: super::shapes::state_of(&standing),
            statement: grant.statement,
            signatures: grant.signatures,
            signers: standing.signers,
            faults: standing.faults.iter().map(Fault::of).collect(),
            revoked: grant.revoked,
        }
    }
}

/// What a contract says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantDraft {
    /// Who grants, as the register names the party of the terms.
    party: Words,
    /// The clause of the contract.
    clause: Words,
    /// Digest of the contract's file.
    #[schema(value_type = Sha256)]
    document: Digest,
    /// The facts that it waives.
    #[schema(value_type = Vec<FactWord>, min_items = 1, max_items = 100)]
    waives: Vec<FactName>,
    /// The rows of terms whose facts those are.
    #[schema(value_type = Vec<TermsRow>, min_items = 1, max_items = 100)]
    terms: Vec<TermsKey>,
    /// The party's models whose answers it covers, by their names at the provider.
    #[schema(min_items = 1, max_items = 100)]
    models: Vec<Name>,
    /// For which uses.
    #[schema(value_type = Vec<ActionName>, min_items = 1, max_items = 100)]
    purposes: Vec<UseAction>,
    /// For which markets.
    #[schema(value_type = Vec<MarketCode>, min_items = 1, max_items = 100)]
    markets: Vec<Market>,
    /// Which member wrote it down.
    drafted_by: Name,
    #[schema(value_type = Moment)]
    expires_at: Timestamp,
}

/// A signed statement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedGrant {
    /// The statement, as it was drafted.
    #[serde(deserialize_with = "object")]
    #[schema(value_type = Object)]
    statement: Option<GrantStatement>,
    /// The signature over it.
    signature: HandedIn,
}

/// List the grants and how each stands, revoked ones included.
#[utoipa::path(get, path = "/api/grants", operation_id = "list_grants", tag = "admin",
    responses((status = 200, description = "All grants.", body = List<GrantView>), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
) -> Result<Json<List<GrantView>>, Refusal> {
    Ok(List::of(look(&gateway, governance::grants).await?))
}

/// Show a grant and how it stands.
#[utoipa::path(get, path = "/api/grants/{grant}", operation_id = "show_grant", tag = "admin",
    params(("grant" = Id, Path, description = "Its id.")),
    responses((status = 200, description = "The grant.", body = GrantView), Refusals, NoSuch))]
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(id): Path<String>,
) -> Result<Json<GrantView>, Refusal> {
    let id = read_id(&id)?;
    Ok(Json(
        look(&gateway, move |gateway| governance::grant(gateway, id))
            .await?
            .into(),
    ))
}

/// Draft a statement of what a contract says. Nothing is recorded before somebody signs it.
#[utoipa::path(post, path = "/api/grants/statements", operation_id = "draft_grant", tag = "admin", request_body = GrantDraft,
    responses((status = 200, description = "The statement to sign.", body = Object), Refusals, NoSuch, BadBody))]
pub(super) async fn draft(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(new): Body<GrantDraft>,
) -> Result<Json<GrantStatement>, Refusal> {
    let longest = [
        new.waives.len(),
        new.terms.len(),
        new.models.len(),
        new.purposes.len(),
        new.markets.len(),
    ];
    if longest.into_iter().any(|count| count > MOST) {
        return Err(Refusal::invalid("at most 100 of each", None));
    }
    let new = NewGrant {
        party: new.party.0,
        clause: new.clause.0,
        document: new.document,
        waives: new.waives,
        terms: new.terms,
        models: new.models.into_iter().map(|name| name.0).collect(),
        purposes: new.purposes,
        markets: new.markets,
        drafted_by: new.drafted_by.0,
        expires_at: new.expires_at,
    };
    let draft = look(&gateway, move |gateway| {
        governance::draft_grant(gateway, &caller.organization, new)
    });
    Ok(Json(draft.await?))
}

/// Hand in a signature. With the second one, the next decision sees what is waived.
#[utoipa::path(post, path = "/api/grants", operation_id = "sign_grant", tag = "admin", request_body = SignedGrant,
    responses((status = 201, description = "It was recorded.", body = GrantView), Refusals, NoSuch, BadBody))]
pub(super) async fn sign(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(new): Body<SignedGrant>,
) -> Result<(StatusCode, Json<GrantView>), Refusal> {
    let absent = || Refusal::invalid("it is missing", Some("statement"));
    let statement = new.statement.ok_or_else(absent)?;
    let handed = new.signature.into();
    let signed = governance::sign_grant(&gateway, &caller.organization, statement, &handed).await?;
    Ok((StatusCode::CREATED, Json(signed.into())))
}

/// Revoke a grant, for good. The next decision forbids again what stood on it.
#[utoipa::path(delete, path = "/api/grants/{grant}", operation_id = "revoke_grant", tag = "admin",
    params(("grant" = Id, Path, description = "Its id."), By),
    responses((status = 200, description = "The revoked grant.", body = GrantView), Refusals, NoSuch))]
pub(super) async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
    Query(by): Query<By>,
) -> Result<Json<GrantView>, Refusal> {
    let (id, by) = (read_id(&id)?, by.read()?);
    let revoked = governance::revoke_grant(&gateway, &caller.organization, id, &by).await?;
    Ok(Json(revoked.into()))
}

fn read_id(id: &str) -> Result<GrantId, Refusal> {
    id.parse().map_err(|_| missing("grant", id))
}
