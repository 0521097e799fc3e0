//! Members of an organisation: people with roles.

use std::sync::Arc;

use axum::{Json, extract::State};
use cultivar_gateway::Gateway;
use cultivar_governance::{self as governance, Replaced};
use cultivar_record::{Member, MemberId, MemberKey, MemberRole, OrganizationId, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    List, Refusal,
    extract::{Administrator, Body, Path},
    read,
    refusal::{BadBody, NoSuch, Refusals, Taken},
    shapes::{Id, Moment, Name, PublicKey, RoleName},
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
    /// The public keys with which the person's signatures are checked, oldest first: the last one is in force.
    #[schema(value_type = Vec<KeyView>)]
    keys: Vec<MemberKey>,
}

/// A person's public key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a record; none is made from it")]
pub(super) struct KeyView {
    /// The 32 bytes, base64.
    public: String,
    #[schema(value_type = Moment)]
    from: Timestamp,
    /// When another one replaced it.
    #[schema(value_type = Option<Moment>)]
    until: Option<Timestamp>,
    /// Since when nothing that was signed with it counts.
    #[schema(value_type = Option<Moment>)]
    void_since: Option<Timestamp>,
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
            keys: row.keys,
        }
    }
}

/// What a person may do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Roles {
    #[schema(value_type = Vec<RoleName>, min_items = 1, max_items = 7)]
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
        return Err(Refusal::invalid("name one to seven roles", Some("roles")));
    }
    let organization = gateway.organization(&organization)?.id;
    Ok(Json(
        governance::put_member(&gateway, organization, &member, roles)
            .await?
            .into(),
    ))
}

/// Remove a person. What the person did stays; what the person signed counts no longer.
#[utoipa::path(delete, path = "/api/organizations/{organization}/members/{member}", operation_id = "remove_member", tag = "admin",
    params(("organization" = String, Path, description = "Its name."), ("member" = String, Path, description = "The person's name.")),
    responses((status = 200, description = "The member who left.", body = MemberView), Refusals, NoSuch))]
pub(super) async fn remove(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path((organization, member)): Path<(String, String)>,
) -> Result<Json<MemberView>, Refusal> {
    let organization = gateway.organization(&organization)?.id;
    Ok(Json(
        governance::remove_member(&gateway, organization, &member).await?.into(),
    ))
}

/// A key to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMemberKey {
    /// The public key: base64 of its 32 bytes, or a PEM file.
    public: PublicKey,
    /// Whether somebody else may have the key that it replaces: what was signed with that one counts no longer.
    #[serde(default)]
    lost: bool,
}

/// Register the public key of a person (Ed25519). One that was there is replaced, and stays in the person's history.
#[utoipa::path(put, path = "/api/organizations/{organization}/members/{member}/key", operation_id = "register_member_key", tag = "admin", request_body = NewMemberKey,
    params(("organization" = String, Path, description = "Its name."), ("member" = String, Path, description = "The person's name.")),
    responses((status = 200, description = "The member as it is now.", body = MemberView), Refusals, NoSuch, BadBody, Taken))]
pub(super) async fn register_key(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path((organization, member)): Path<(String, String)>,
    Body(new): Body<NewMemberKey>,
) -> Result<Json<MemberView>, Refusal> {
    let organization = gateway.organization(&organization)?.id;
    let replaced = if new.lost { Replaced::Lost } else { Replaced::InOrder };
    let member = governance::register_key(&gateway, organization, &member, &new.public.0, replaced).await?;
    Ok(Json(member.into()))
}
