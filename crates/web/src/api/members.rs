//! Members of an organisation: people with roles.

use std::sync::Arc;

use axum::{Json, extract::State};
use cultivar_gateway::Gateway;
use cultivar_record::{Member, MemberId, MemberRole, OrganizationId, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body, Path},
    read,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{Id, Moment, Name, RoleName},
};

/// A person of an organisation.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberView {
    #[schema(value_type = Id)]
    id: MemberId,
    #[schema(value_type = Id)]
    organization: OrganizationId,
    /// The person's name, unique in the organisation.
    name: String,
    #[schema(value_type = Vec<RoleName>)]
    roles: Vec<MemberRole>,
    #[schema(value_type = Moment)]
    created_at: Timestamp,
    /// When the person left.
    #[schema(value_type = Option<Moment>)]
    removed_at: Option<Timestamp>,
}

impl From<Member> for MemberView {
    fn from(row: Member) -> Self {
        Self {
            id: row.id,
            organization: row.organization,
            name: row.name,
            roles: row.roles,
            created_at: row.created_at,
            removed_at: row.removed_at,
        }
    }
}

/// What a person may do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Roles {
    #[schema(value_type = Vec<RoleName>, min_items = 1, max_items = 4)]
    roles: Vec<MemberRole>,
}

/// List the members of an organisation, those who left included.
#[utoipa::path(get, path = "/api/organizations/{organization}/members", operation_id = "list_members", tag = "admin",
    params(("organization" = String, Path, description = "Its name.")),
    responses((status = 200, description = "All its members.", body = List<MemberView>), Refusals, NoSuch))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(organization): Path<String>,
) -> Result<Json<List<MemberView>>, Refusal> {
    let organization = gateway.organization(&organization)?.id;
    let members = read(&gateway, tables::member::list).await?.into_iter();
    Ok(List::of(members.filter(|member| member.organization == organization)))
}

/// Add a person, or give one other roles.
#[utoipa::path(put, path = "/api/organizations/{organization}/members/{member}", operation_id = "put_member", tag = "admin", request_body = Roles,
    params(("organization" = String, Path, description = "Its name."), ("member" = Name, Path, description = "The person's name.")),
    responses((status = 200, description = "The member as it is now.", body = MemberView), Refusals, NoSuch, BadBody))]
pub(super) async fn put(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path((organization, member)): Path<(String, String)>,
    Body(Roles { mut roles }): Body<Roles>,
) -> Result<Json<MemberView>, Refusal> {
    let Name(member) = member
        .try_into()
        .map_err(|told| Refusal::invalid(told, Some("member")))?;
    let named = roles.len();
    let mut seen = std::collections::HashSet::new();
    roles.retain(|role| seen.insert(*role));
    if roles.is_empty() || named > MemberRole::ALL.len() {
        return Err(Refusal::invalid("name one to four roles", Some("roles")));
    }
    let organization = gateway.organization(&organization)?.id;
    Ok(Json(gateway.put_member(organization, &member, roles).await?.into()))
}

/// Remove a person; what the person did stays.
#[utoipa::path(delete, path = "/api/organizations/{organization}/members/{member}", operation_id = "remove_member", tag = "admin",
    params(("organization" = String, Path, description = "Its name."), ("member" = String, Path, description = "The person's name.")),
    responses((status = 200, description = "The member who left.", body = MemberView), Refusals, NoSuch))]
pub(super) async fn remove(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path((organization, member)): Path<(String, String)>,
) -> Result<Json<MemberView>, Refusal> {
    let organization = gateway.organization(&organization)?.id;
    Ok(Json(gateway.remove_member(organization, &member).await?.into()))
}
