//! What people signed, as it stands: where models of our own may be offered, and which contracts waive facts of terms. Looked at
//! after every act that could change it, and read at every attempt; only the end of its time is left to look at then.
//!
//! It does not know how a signature is checked (`cultivar-attest`), or how one comes to be (`cultivar-governance`).

use std::sync::{Arc, PoisonError};

use cultivar_attest::{
    Checklist, Circumstances, Collected, Standing, Wanted, approval_standing, collect, covers, grant_standing,
};
use cultivar_policy::{Waiver, stack::Row};
use cultivar_record::{
    Approval, ApprovalStatement, Digest, Evidence, GrantStatement, Market, Member, OrganizationId, Timestamp, UseAction,
};
use cultivar_store::tables;

use crate::{Gateway, GatewayError, Offer};

/// What holds, but for its time.
#[derive(Default)]
pub(crate) struct Signed {
    approvals: Vec<ApprovalStatement>,
    grants: Vec<GrantStatement>,
}

/// The evidence for what has some digest, in a market.
pub struct EvidenceThere {
    /// What the market asks for.
    pub checklist: Checklist,
    /// What was handed in.
    pub items: Vec<cultivar_record::EvidenceItem>,
    /// What is missing.
    pub collected: Collected,
}

impl Gateway {
    /// Looks anew at everything that people signed: after an act that changed a signature, a member or a piece of evidence.
    ///
    /// # Errors
    /// What the store says; nothing holds then, until a later look succeeds.
    pub fn refresh_signed(&self) -> Result<(), GatewayError> {
        // One at a time: of two, the one that read earlier must not have the last word.
        let _refreshing = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let (signed, result) = match self.look_at_signed() {
            Ok(signed) => (signed, Ok(())),
            Err(error) => (Signed::default(), Err(error)),
        };
        *self.signed.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signed);
        result
    }

    fn look_at_signed(&self) -> Result<Signed, GatewayError> {
        let now = self.ambient.now();
        let read = self.store.read(|tx| {
            let (approvals, grants) = (tables::approval::list(tx)?, tables::grant::list(tx)?);
            Ok((approvals, grants, tables::member::list(tx)?))
        });
        let (approvals, grants, members) = read?;
        let mut signed = Signed::default();
        for approval in approvals {
            if self.approval_standing(&approval, &members, now)?.holds() {
                signed.approvals.push(approval.statement);
            }
        }
        let holding = grants
            .into_iter()
            .filter(|grant| grant_standing(grant, &members, now).holds());
        signed.grants = holding.map(|grant| grant.statement).collect();
        Ok(signed)
    }

    /// How an approval stands: what is missing, what voids it.
    ///
    /// # Errors
    /// What the store says.
    pub fn approval_standing(
        &self,
        approval: &Approval,
        members: &[Member],
        now: Timestamp,
    ) -> Result<Standing, GatewayError> {
        let statement = &approval.statement;
        let offers = self.offers.of(&statement.model);
        let mut served = offers.iter().flat_map(|offers| offers.iter());
        let served = served.find(|offer| offer.is_own() && offer.subject == statement.subject);
        let pedigree = served.and_then(|offer| offer.pedigree.as_ref().map(|_| offer.subject));
        let evidence = self.evidence_in(statement.subject, pedigree, &statement.market)?;
        Ok(approval_standing(
            approval,
            &Circumstances {
                now,
                subject: served.map(|offer| offer.subject),
                evidence: &evidence.collected,
                policies: self.permits.digest(),
                quorum: &self.markets.quorum(&statement.market),
                members,
            },
        ))
    }

    /// The evidence for an offer in a market.
    ///
    /// # Errors
    /// What the store says.
    pub fn evidence(&self, offer: &Offer, market: &Market) -> Result<EvidenceThere, GatewayError> {
        let pedigree = offer.pedigree.as_ref().map(|_| offer.subject);
        self.evidence_in(offer.subject, pedigree, market)
    }

    fn evidence_in(
        &self,
        subject: Digest,
        pedigree: Option<Digest>,
        market: &Market,
    ) -> Result<EvidenceThere, GatewayError> {
        let wholes = self.markets.wholes(market);
        let mut checklists = wholes.iter().map(|whole| self.checklists.of(whole));
        let there: Option<Evidence> = self.store.read(|tx| tables::evidence::of(tx, subject, market))?;
        let items = there.map(|there| there.items).unwrap_or_default();
        let checklist = checklists.find(|list| !list.items.is_empty()).unwrap_or_default();
        let checklist = checklist.asked_for(&items);
        Ok(EvidenceThere {
            collected: collect(&checklist, &items, pedigree)?,
            checklist,
            items,
        })
    }

    /// Whether people have opened a market for an offer of our own, and nothing has closed it since.
    pub(crate) fn is_approved(&self, offer: &Offer, market: &Market, now: Timestamp) -> bool {
        self.signed().approvals.iter().any(|approved| {
            approved.subject == offer.subject
                && now < approved.expires_at
                && approved.model == offer.provider.model
                && self.markets.opens(&approved.market, market)
        })
    }

    /// What contracts waive of some rows for a use of an organisation now: the answers of a model, for what, where. Scope, signatures
    /// and dates are checked here: the policies see the waived facts and nothing else.
    pub(crate) fn waivers(
        &self,
        organization: OrganizationId,
        rows: &[Row],
        (model, action, market): (&str, UseAction, &Market),
        now: Timestamp,
    ) -> Vec<Waiver> {
        let signed = self.signed();
        let is_in_force = |grant: &&GrantStatement| now < grant.expires_at && grant.organization == organization;
        let mut waivers = Vec::new();
        for grant in signed.grants.iter().filter(is_in_force) {
            for row in rows {
                let wanted = Wanted {
                    terms: &row.terms,
                    party: &row.party,
                    model,
                    action,
                    market,
                };
                if covers(grant, &wanted, |list, market| self.markets.covers(list, market)) {
                    waivers.push(Waiver {
                        terms: row.terms.clone(),
                        grant: grant.id,
                        facts: grant.waives.iter().copied().collect(),
                    });
                }
            }
        }
        waivers
    }

    fn signed(&self) -> Arc<Signed> {
        Arc::clone(&self.signed.read().unwrap_or_else(PoisonError::into_inner))
    }
}
