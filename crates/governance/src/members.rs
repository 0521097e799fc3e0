//! Members of an organisation: people with roles, and the public keys with which their signatures are checked.

use cultivar_attest::{public_key, public_key_text};
use cultivar_gateway::{Act, Gateway};
use cultivar_record::{EntryKind, Member, MemberId, MemberKey, MemberRole, OrganizationId};
use cultivar_store::tables;

use crate::{GovernanceError, members, not_found};

/// Adds a person with roles, or gives the person of this name other roles.
pub async fn put_member(
    gateway: &Gateway,
    organization: OrganizationId,
    name: &str,
    roles: Vec<MemberRole>,
) -> Result<Member, GovernanceError> {
    let _alone = gateway.people().await;
    let known = gateway
        .store()
        .read(|tx| tables::member::by_name(tx, organization, name))?;
    let is_new = known.is_none();
    let base = known.unwrap_or_else(|| Member {
        id: MemberId::new(gateway.ambient()),
        organization,
        name: name.to_owned(),
        roles: Vec::new(),
        created_at: gateway.ambient().now(),
        removed_at: None,
        keys: Vec::new(),
    });
    let member = Member {
        roles,
        removed_at: None,
        ..base
    };
    write(gateway, member.clone(), is_new).await?;
    Ok(member)
}

/// Removes a person. What the person did stays; what the person signed opens nothing any more, also where the person comes back.
///
/// # Errors
/// `store::not_found`.
pub async fn remove_member(
    gateway: &Gateway,
    organization: OrganizationId,
    name: &str,
) -> Result<Member, GovernanceError> {
    let _alone = gateway.people().await;
    let (known, now) = (there(gateway, organization, name)?, gateway.ambient().now());
    let member = Member {
        removed_at: known.removed_at.or(Some(now)),
        keys: known.keys.into_iter().map(|key| key.voided(now)).collect(),
        ..known
    };
    write(gateway, member.clone(), false).await?;
    Ok(member)
}

/// What becomes of the key that another one replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// What was signed with it goes on counting.
    InOrder,
    /// Somebody else may have it: nothing that was signed with it counts.
    Lost,
}

/// Registers the public key of a person. One that was there is replaced, and stays in the person's history.
///
/// # Errors
/// `store::not_found`, `attest::key_unreadable`, `governance::key_taken`.
pub async fn register_key(
    gateway: &Gateway,
    organization: OrganizationId,
    name: &str,
    public: &str,
    replaced: Replaced,
) -> Result<Member, GovernanceError> {
    let _alone = gateway.people().await;
    let public = public_key_text(&public_key(public)?);
    let mut member = there(gateway, organization, name)?;
    if member.removed_at.is_some() {
        return Err(not_found("member", name));
    }
    let has_it = |member: &&Member| member.keys.iter().any(|key| key.public == public);
    if let Some(owner) = members(gateway)?.iter().find(has_it) {
        let name = owner.name.clone();
        return Err(GovernanceError::KeyTaken { name });
    }
    let now = gateway.ambient().now();
    let end = |key: MemberKey| match replaced {
        Replaced::InOrder => key.ended(now),
        Replaced::Lost if key.until.is_none() => key.voided(now),
        Replaced::Lost => key,
    };
    member.keys = member.keys.into_iter().map(end).collect();
    member.keys.push(MemberKey {
        public,
        from: now,
        until: None,
        void_since: None,
    });
    write(gateway, member.clone(), false).await?;
    Ok(member)
}

fn there(gateway: &Gateway, organization: OrganizationId, name: &str) -> Result<Member, GovernanceError> {
    let known = gateway
        .store()
        .read(|tx| tables::member::by_name(tx, organization, name))?;
    known.ok_or_else(|| not_found("member", name))
}

async fn write(gateway: &Gateway, member: Member, is_new: bool) -> Result<(), GovernanceError> {
    let act = Act::new(EntryKind::MemberChanged, member.organization, member.id);
    gateway
        .act(act, member, move |tx, row| {
            let written = if is_new {
                tables::member::insert(tx, row)
            } else {
                tables::member::update(tx, row)
            };
            written.map(|()| true)
        })
        .await?;
    Ok(gateway.refresh_signed()?)
}
