//! Agreements: a named person accepts a row of terms for an organisation.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::{Coverage, Gateway, Registered};
use cultivar_record::{Acceptance, Digest, Market, OrganizationId, Purpose, TermsKey, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body},
    organization_or_own, read,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{Id, MarketCode, Moment, PurposeName, Sha256, TermsRow, Words},
};

/// An agreement in force, or one that was.
#[derive(Serialize, ToSchema)]
pub(super) struct AgreementView {
    /// For whom.
    #[schema(value_type = Id)]
    organization: OrganizationId,
    #[schema(value_type = TermsRow)]
    terms: TermsKey,
    /// The digest of the row that was accepted; a row that changed must be accepted again.
    #[schema(value_type = Sha256)]
    digest: Digest,
    accepted_by: String,
    #[schema(value_type = Moment)]
    at: Timestamp,
    /// The markets that it covers; all where none is named.
    #[schema(value_type = Vec<MarketCode>)]
    markets: Vec<Market>,
    /// The purposes that it covers; all where none is named.
    #[schema(value_type = Vec<PurposeName>)]
    purposes: Vec<Purpose>,
    /// Until when it is in force.
    #[schema(value_type = Option<Moment>)]
    until: Option<Timestamp>,
}

impl From<Acceptance> for AgreementView {
    fn from(row: Acceptance) -> Self {
        Self {
            organization: row.organization,
            terms: row.terms,
            digest: row.digest,
            accepted_by: row.accepted_by,
            at: row.at,
            markets: row.markets,
            purposes: row.purposes,
            until: row.until,
        }
    }
}

/// Terms to be accepted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAgreement {
    #[schema(value_type = TermsRow)]
    terms: TermsKey,
    /// Who accepts, as that person wishes to be named in the record.
    accepted_by: Words,
    /// The name of the organisation; the one that runs the door where none is named.
    #[serde(default)]
    organization: Option<String>,
    /// The markets that it covers; all where none is named.
    #[serde(default)]
    #[schema(value_type = Vec<MarketCode>)]
    markets: Vec<Market>,
    /// The purposes that it covers; all where none is named.
    #[serde(default)]
    #[schema(value_type = Vec<PurposeName>)]
    purposes: Vec<Purpose>,
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    until: Option<Timestamp>,
}

/// What came of an acceptance.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub(super) struct Accepted {
    #[schema(value_type = TermsRow)]
    terms: TermsKey,
    accepted_by: String,
    /// The name of the organisation.
    organization: String,
    /// Whether anything changed: it may have been accepted so before.
    new: bool,
}

/// List the agreements.
#[utoipa::path(get, path = "/api/agreements", operation_id = "list_agreements", tag = "admin",
    responses((status = 200, description = "All agreements.", body = List<AgreementView>), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
) -> Result<Json<List<AgreementView>>, Refusal> {
    Ok(List::of(read(&gateway, tables::acceptance::list).await?))
}

/// Accept a row of terms. Without markets, purposes and time, what was agreed before stays as it is.
#[utoipa::path(post, path = "/api/agreements", operation_id = "accept_terms", tag = "admin", request_body = NewAgreement,
    responses((status = 201, description = "It was accepted.", body = Accepted),
        (status = 200, description = "It was accepted before.", body = Accepted), Refusals, NoSuch, BadBody))]
pub(super) async fn accept(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(new): Body<NewAgreement>,
) -> Result<(StatusCode, Json<Accepted>), Refusal> {
    let organization = organization_or_own(&gateway, new.organization.as_deref(), &caller).await?;
    let (terms, Words(by)) = (new.terms, new.accepted_by);
    let coverage = Coverage {
        markets: new.markets,
        purposes: new.purposes,
        until: new.until,
    };
    let registered = if coverage == Coverage::default() {
        gateway.accept_terms(&organization, &terms, &by).await?
    } else {
        gateway.agree(&organization, &terms, &by, coverage).await?
    };
    let is_new = registered == Registered::New;
    let accepted = Accepted {
        terms,
        accepted_by: by,
        organization: organization.name,
        new: is_new,
    };
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(accepted)))
}
