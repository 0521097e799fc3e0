//! Approvals: a model of our own may be offered in a market.

use std::sync::PoisonError;

use cultivar_record::{Approval, ApprovalId, EntryKind, Market, OrganizationId, Timestamp};
use cultivar_store::tables;

use super::Act;
use crate::{Gateway, GatewayError};

/// What is needed to record an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApproval {
    /// The model, by its name at the gateway.
    pub model: String,
    /// Where it may be offered.
    pub market: Market,
    /// Who decided.
    pub granted_by: String,
    /// On which ground.
    pub reference: String,
    /// Until when it holds.
    pub expires_at: Option<Timestamp>,
}

impl Gateway {
    /// Records an approval. Routing sees it at once.
    ///
    /// # Errors
    /// `model_not_found`.
    pub async fn grant_approval(
        &self,
        organization: OrganizationId,
        new: NewApproval,
    ) -> Result<Approval, GatewayError> {
        self.offers_of(&new.model)?;
        let ambient = self.ambient.as_ref();
        let approval = Approval {
            id: ApprovalId::new(ambient),
            organization,
            model: new.model,
            market: new.market,
            granted_by: new.granted_by,
            reference: new.reference,
            at: ambient.now(),
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let act = Act::new(EntryKind::ApprovalGranted, organization, approval.id);
        self.act(act, approval.clone(), |tx, row| {
            tables::approval::insert(tx, row).map(|()| true)
        })
        .await?;
        let mut approvals = self.approvals.write().unwrap_or_else(PoisonError::into_inner);
        approvals.push(approval.clone());
        Ok(approval)
    }

    /// Revokes an approval. Routing sees it at once.
    ///
    /// # Errors
    /// `store::not_found`.
    pub async fn revoke_approval(&self, id: ApprovalId) -> Result<Approval, GatewayError> {
        let known = self.store.read(|tx| tables::approval::get(tx, id))?;
        if known.revoked_at.is_some() {
            return Ok(known);
        }
        let revoked = Approval {
            revoked_at: Some(self.ambient.now()),
            ..known
        };
        let act = Act::new(EntryKind::ApprovalRevoked, revoked.organization, id);
        self.act(act, revoked.clone(), |tx, row| {
            tables::approval::update(tx, row).map(|()| true)
        })
        .await?;
        let mut approvals = self.approvals.write().unwrap_or_else(PoisonError::into_inner);
        approvals.retain(|approval| approval.id != id);
        approvals.push(revoked.clone());
        Ok(revoked)
    }
}
