//! Permission before anything happens. The same question about the same version of terms has one verdict per process: it is
//! decided once, recorded once, and every exchange names it.

use std::sync::{Arc, PoisonError};

use cultivar_policy::{Footing, OWN_MODELS, Offering, Scores, Training, Use, UseRequest, stack};
use cultivar_record::{
    Digest, Market, Organization, OrganizationId, Purpose, Standing, Terms, TermsKey, Timestamp, Verdict, VerdictId,
    Waived,
};

use crate::{Caller, Gateway, GatewayError, Offer};

/// Everything that a decision depends on, so that equal questions have equal answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    organization: OrganizationId,
    standing: Standing,
    footing: Footing,
    wanted: Wanted,
    offering: Offering,
    terms: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Call(Purpose),
    Train(Training),
}

impl Wanted {
    const fn in_policy(self) -> Use<'static> {
        match self {
            Self::Call(purpose @ (Purpose::Serve | Purpose::Administer)) => Use::Infer { purpose },
            Self::Call(purpose @ Purpose::Collect) => Use::Collect { purpose },
            Self::Call(purpose @ Purpose::Evaluate) => Use::Evaluate {
                purpose,
                scores: Scores::Reported,
            },
            Self::Train(training) => Use::Train(training),
        }
    }
}

impl Gateway {
    /// Permits a call to an offer, or ends it with the verdict that forbids. Asked anew at every attempt.
    pub(crate) async fn permit_call(
        &self,
        caller: &Caller,
        offer: &Offer,
        now: Timestamp,
    ) -> Result<Arc<Verdict>, GatewayError> {
        let verdict = self.rule(caller, offer, now).await?;
        if verdict.permits() {
            Ok(verdict)
        } else {
            Err(forbidden(caller, &offer.provider.model, verdict))
        }
    }

    /// The verdict about a call, whichever it is.
    pub(crate) async fn rule(
        &self,
        caller: &Caller,
        offer: &Offer,
        now: Timestamp,
    ) -> Result<Arc<Verdict>, GatewayError> {
        let purpose = caller.key.purpose;
        let terms = (&offer.terms, offer.terms_digest);
        let footing = if offer.is_said_to_be_own() && !offer.is_own() {
            Footing::NotAccepted
        } else {
            self.footing(
                &caller.organization,
                &offer.rows,
                Some(&caller.market),
                Some(purpose),
                now,
            )
        };
        let offering = self.offering(caller, offer, now);
        self.decide(&caller.organization, terms, footing, offering, Wanted::Call(purpose))
            .await
    }

    /// Decides whether what was recorded under these terms may train a model. The verdict is recorded either way.
    pub async fn permit_training(
        &self,
        organization: &Organization,
        terms: &Terms,
        terms_digest: Digest,
        training: Training,
    ) -> Result<Verdict, GatewayError> {
        self.decide_offline(organization, terms, terms_digest, Wanted::Train(training))
            .await
    }

    /// Decides whether answers recorded under these terms may be a reference that models are scored against.
    pub async fn permit_evaluation(
        &self,
        organization: &Organization,
        terms: &Terms,
        terms_digest: Digest,
    ) -> Result<Verdict, GatewayError> {
        self.decide_offline(organization, terms, terms_digest, Wanted::Call(Purpose::Evaluate))
            .await
    }

    /// The row of a key as it stands now, or the stack of several.
    ///
    /// # Errors
    /// `unknown_terms`.
    pub fn terms(&self, key: &TermsKey) -> Result<Terms, GatewayError> {
        self.register
            .find(key)
            .ok_or_else(|| GatewayError::UnknownTerms { terms: key.clone() })
    }

    /// The row that was in force when an exchange was made, by its digest: later versions do not loosen it.
    pub fn terms_in_force(&self, digest: Digest) -> Result<Terms, GatewayError> {
        Ok(self.blobs.get(&digest)?)
    }

    async fn decide_offline(
        &self,
        organization: &Organization,
        terms: &Terms,
        terms_digest: Digest,
        wanted: Wanted,
    ) -> Result<Verdict, GatewayError> {
        let terms = (terms, terms_digest);
        let rows = stack::rows(terms.0)?;
        let footing = self.footing(organization, &rows, None, None, self.ambient.now());
        let verdict = self
            .decide(organization, terms, footing, Offering::default(), wanted)
            .await?;
        Ok(Verdict::clone(&verdict))
    }

    async fn decide(
        &self,
        organization: &Organization,
        (terms, terms_digest): (&Terms, Digest),
        footing: Footing,
        offering: Offering,
        wanted: Wanted,
    ) -> Result<Arc<Verdict>, GatewayError> {
        let asked = Asked {
            organization: organization.id,
            standing: organization.standing,
            footing,
            wanted,
            offering,
            terms: terms_digest,
        };
        if let Some(verdict) = self.decided(&asked) {
            return Ok(verdict);
        }
        // Held while deciding: of two callers with the same question the second waits for the first one's verdict.
        let _deciding = self.deciding.lock().await;
        if let Some(verdict) = self.decided(&asked) {
            return Ok(verdict);
        }
        let request = UseRequest {
            organization: asked.organization,
            standing: asked.standing,
            footing,
            terms,
            wanted: wanted.in_policy(),
            offering,
            waived: Waived::NONE,
            grants: &[],
        };
        let ambient = self.ambient.as_ref();
        let verdict = self.permits.decide(&request, VerdictId::new(ambient), ambient.now())?;
        self.record_verdict(verdict.clone()).await?;
        let verdict = Arc::new(verdict);
        let mut verdicts = self.verdicts.write().unwrap_or_else(PoisonError::into_inner);
        verdicts.insert(asked, Arc::clone(&verdict));
        Ok(verdict)
    }

    fn decided(&self, asked: &Asked) -> Option<Arc<Verdict>> {
        let verdicts = self.verdicts.read().unwrap_or_else(PoisonError::into_inner);
        verdicts.get(asked).cloned()
    }

    /// How an organisation stands to terms: its agreement must be in force for the market and the purpose.
    fn footing(
        &self,
        organization: &Organization,
        rows: &[(TermsKey, Digest)],
        market: Option<&Market>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Footing {
        if let [(alone, _)] = rows
            && alone.as_str() == OWN_MODELS
        {
            return Footing::Own;
        }
        let acceptances = self.acceptances.read().unwrap_or_else(PoisonError::into_inner);
        let is_accepted = |(terms, digest): &(TermsKey, Digest)| {
            acceptances.iter().any(|acceptance| {
                acceptance.organization == organization.id
                    && acceptance.digest == *digest
                    && acceptance.terms == *terms
                    && acceptance.covers(None, purpose, now)
                    && market.is_none_or(|market| self.markets.covers(&acceptance.markets, market))
            })
        };
        if rows.iter().all(is_accepted) {
            Footing::Accepted
        } else {
            Footing::NotAccepted
        }
    }

    /// How a call stands to its market.
    fn offering(&self, caller: &Caller, offer: &Offer, now: Timestamp) -> Offering {
        let (market, provider) = (&caller.market, &offer.provider);
        let home = &caller.organization.residency;
        let keeps = |place| self.markets.covers(home, place);
        Offering {
            open: self.markets.is_open(market),
            offered: self.markets.covers(&provider.markets, market),
            approved: !offer.is_own()
                || !self.markets.demands_approval(market)
                || self.is_approved(&provider.model, market, now),
            resident: home.is_empty() || (!provider.residency.is_empty() && provider.residency.iter().all(keeps)),
        }
    }

    fn is_approved(&self, model: &str, market: &Market, now: Timestamp) -> bool {
        let approvals = self.approvals.read().unwrap_or_else(PoisonError::into_inner);
        approvals.iter().any(|approval| {
            approval.model == model
                && approval.holds(now)
                && self.markets.covers(std::slice::from_ref(&approval.market), market)
        })
    }
}

/// The error that a forbidding verdict is told as: the shape that clients know for its first reason.
fn forbidden(caller: &Caller, model: &str, verdict: Arc<Verdict>) -> GatewayError {
    let (model, market) = (model.to_owned(), caller.market.clone());
    match verdict.first_reason().map(|reason| reason.policy.as_str()) {
        Some("standing.served") => GatewayError::NotServed {
            enforcement: caller.organization.enforcement.clone().map(Box::new),
        },
        Some("market.open") => GatewayError::MarketClosed { market, verdict },
        Some("market.offered" | "market.approved") => GatewayError::NotOffered { model, market, verdict },
        Some("residency.met") => GatewayError::NotResident { model, verdict },
        _ => GatewayError::Forbidden { verdict },
    }
}
