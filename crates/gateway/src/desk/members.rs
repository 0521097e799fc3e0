//! Members of an organisation: people with roles.

use cultivar_record::{EntryKind, Member, MemberId, MemberRole, OrganizationId};
use cultivar_store::tables;

use super::{Act, not_found};
use crate::{Gateway, GatewayError};

impl Gateway {
    /// Adds a person with roles, or gives the person of this name other roles.
    pub async fn put_member(
        &self,
        organization: OrganizationId,
        name: &str,
        roles: Vec<MemberRole>,
    ) -> Result<Member, GatewayError> {
        let known = self.store.read(|tx| tables::member::by_name(tx, organization, name))?;
        let ambient = self.ambient.as_ref();
        let is_new = known.is_none();
        let base = known.unwrap_or_else(|| Member {
            id: MemberId::new(ambient),
            organization,
            name: name.to_owned(),
            roles: Vec::new(),
            created_at: ambient.now(),
            removed_at: None,
        });
        let member = Member {
            roles,
            removed_at: None,
            ..base
        };
        self.write_member(member.clone(), is_new).await?;
        Ok(member)
    }

    /// Removes a person; what the person did stays.
    ///
    /// # Errors
    /// `store::not_found`.
    pub async fn remove_member(&self, organization: OrganizationId, name: &str) -> Result<Member, GatewayError> {
        let known = self.store.read(|tx| tables::member::by_name(tx, organization, name))?;
        let known = known.ok_or_else(|| not_found("member", name))?;
        let member = Member {
            removed_at: known.removed_at.or_else(|| Some(self.ambient.now())),
            ..known
        };
        self.write_member(member.clone(), false).await?;
        Ok(member)
    }

    async fn write_member(&self, member: Member, is_new: bool) -> Result<(), GatewayError> {
        let act = Act::new(EntryKind::MemberChanged, member.organization, member.id);
        self.act(act, member, move |tx, row| {
            let written = if is_new {
                tables::member::insert(tx, row)
            } else {
                tables::member::update(tx, row)
            };
            written.map(|()| true)
        })
        .await?;
        Ok(())
    }
}
