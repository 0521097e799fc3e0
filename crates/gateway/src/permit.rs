//! Permission before anything happens. The same question about the same version of terms has one verdict per process: it is
//! decided once, recorded once, and every exchange names it.

use std::sync::{Arc, PoisonError};

use cultivar_policy::{
    Footing, OWN_MODELS, Offering, Release, Scores, Training, Use, UseRequest, Waiver,
    stack::{self, Row},
};
use cultivar_record::{
    Digest, Market, Organization, OrganizationId, Purpose, Standing, Terms, TermsKey, Timestamp, Verdict, VerdictId,
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
    waivers: Vec<Waiver>,
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

/// A question about terms, but for who asks.
struct Question<'a> {
    terms: (&'a Terms, Digest),
    rows: &'a [Row],
    /// The model whose answers are used, by its name at the provider.
    model: &'a str,
    market: &'a Market,
    footing: Footing,
    offering: Offering,
    wanted: Wanted,
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
        let question = Question {
            terms,
            rows: &offer.rows,
            model: &offer.provider.provider_model,
            market: &caller.market,
            footing,
            offering: self.offering(caller, offer, now),
            wanted: Wanted::Call(purpose),
        };
        self.decide(&caller.organization, question, now).await
    }

    /// Decides whether what a model (by its name at the provider) answered under these terms may train a model. The verdict is
    /// recorded either way.
    pub async fn permit_training(
        &self,
        organization: &Organization,
        terms: (&Terms, Digest),
        model: &str,
        training: Training,
    ) -> Result<Verdict, GatewayError> {
        self.decide_offline(organization, terms, model, Wanted::Train(training))
            .await
    }

    /// Decides whether a model's answers recorded under these terms may be a reference that models are scored against.
    pub async fn permit_evaluation(
        &self,
        organization: &Organization,
        terms: (&Terms, Digest),
        model: &str,
    ) -> Result<Verdict, GatewayError> {
        self.decide_offline(organization, terms, model, Wanted::Call(Purpose::Evaluate))
            .await
    }

    /// Decides whether a model that learned from what another one answered under these terms may be offered in a market. The
    /// verdict is recorded either way.
    pub async fn permit_release(
        &self,
        organization: &Organization,
        terms: &Terms,
        model: &str,
        market: &Market,
        release: Release<'_>,
    ) -> Result<Verdict, GatewayError> {
        let ambient = self.ambient.as_ref();
        let (wanted, rows) = (Use::Release(release), stack::rows(terms)?);
        let of_grants = (model, wanted.action(), market);
        let request = UseRequest {
            organization: organization.id,
            standing: organization.standing,
            footing: self.footing(organization, &rows, None, None, ambient.now()),
            terms,
            wanted,
            offering: Offering::default(),
            waivers: &self.waivers(organization.id, &rows, of_grants, ambient.now()),
        };
        let verdict = self.permits.decide(&request, VerdictId::new(ambient), ambient.now())?;
        self.record_verdict(verdict.clone()).await?;
        Ok(verdict)
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
        terms: (&Terms, Digest),
        model: &str,
        wanted: Wanted,
    ) -> Result<Verdict, GatewayError> {
        let (now, rows) = (self.ambient.now(), stack::rows(terms.0)?);
        let question = Question {
            terms,
            rows: &rows,
            model,
            market: &organization.market,
            footing: self.footing(organization, &rows, None, None, now),
            offering: Offering::default(),
            wanted,
        };
        Ok(Verdict::clone(&*self.decide(organization, question, now).await?))
    }

    async fn decide(
        &self,
        organization: &Organization,
        question: Question<'_>,
        now: Timestamp,
    ) -> Result<Arc<Verdict>, GatewayError> {
        let (terms, wanted) = (question.terms.0, question.wanted.in_policy());
        let of_grants = (question.model, wanted.action(), question.market);
        let asked = Asked {
            organization: organization.id,
            standing: organization.standing,
            footing: question.footing,
            wanted: question.wanted,
            offering: question.offering,
            terms: question.terms.1,
            waivers: self.waivers(organization.id, question.rows, of_grants, now),
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
            footing: asked.footing,
            terms,
            wanted,
            offering: asked.offering,
            waivers: &asked.waivers,
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
        rows: &[Row],
        market: Option<&Market>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Footing {
        if let [alone] = rows
            && alone.terms.as_str() == OWN_MODELS
        {
            return Footing::Own;
        }
        let acceptances = self.acceptances.read().unwrap_or_else(PoisonError::into_inner);
        let is_accepted = |row: &Row| {
            acceptances.iter().any(|acceptance| {
                acceptance.organization == organization.id
                    && acceptance.digest == row.digest
                    && acceptance.terms == row.terms
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
            approved: !offer.is_own() || !self.markets.demands_approval(market) || self.is_approved(offer, market, now),
            resident: home.is_empty() || (!provider.residency.is_empty() && provider.residency.iter().all(keeps)),
        }
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
