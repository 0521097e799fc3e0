//! Which providers are asked for a model, and in which order: those that are permitted, then those that are healthy, then the
//! cheapest, or by weight where one is given.

use std::sync::Arc;

use cultivar_limits::health::BreakerState;
use cultivar_record::{Incident, MicroUsd, Seed, Timestamp, TokenCount, Verdict};

use crate::{Caller, Gateway, GatewayError, Offer, meter};

/// Tokens on which prices are compared: a question and an answer of the same length.
const COMPARED_TOKENS: TokenCount = TokenCount::new(1_000_000);

/// A candidate with what was ruled about it.
pub struct Ruling {
    /// The candidate.
    pub offer: Arc<Offer>,
    /// Whether this caller may ask it now, and by which policies.
    pub verdict: Arc<Verdict>,
    /// Why it is left alone for now, where it is.
    pub left_alone: Option<LeftAlone>,
}

/// Why a permitted candidate is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftAlone {
    /// It failed too often; it is tried again later.
    Failing,
    /// It said that our own account is warned or disabled; a person closes the incident.
    Incident(Box<Incident>),
}

impl Gateway {
    /// The candidates that may be asked now, in the order in which to ask. With one that was forbidden, the reason that is told
    /// when none is left.
    ///
    /// # Errors
    /// `model_not_found`; what forbids, where no candidate is permitted; `no_provider_available` where none is healthy.
    pub(crate) async fn candidates(
        &self,
        caller: &Caller,
        model: &str,
        now: Timestamp,
    ) -> Result<Vec<Arc<Offer>>, GatewayError> {
        let offers = self.offers_of(model)?;
        if !caller.may_ask(model) {
            return Err(GatewayError::UnknownModel {
                model: model.to_owned(),
            });
        }
        let mut permitted = Vec::with_capacity(offers.len());
        let mut refusal: Option<GatewayError> = None;
        for offer in offers.iter() {
            match self.permit_call(caller, offer, now).await {
                Ok(_) => permitted.push(Arc::clone(offer)),
                Err(error) => refusal = Some(nearest(refusal, error)),
            }
        }
        if let (true, Some(refusal)) = (permitted.is_empty(), refusal) {
            return Err(refusal);
        }
        permitted.retain(|offer| self.incident_with(&offer.provider.name).is_none());
        if permitted.is_empty() {
            return Err(GatewayError::NobodyHealthy {
                model: model.to_owned(),
            });
        }
        if permitted.len() > 1 {
            self.put_in_order(&mut permitted, now);
        }
        Ok(permitted)
    }

    /// Every candidate for a model, with what is ruled about it: for people who ask why.
    ///
    /// # Errors
    /// `model_not_found`.
    pub async fn explain_route(&self, caller: &Caller, model: &str) -> Result<Vec<Ruling>, GatewayError> {
        let now = self.ambient.now();
        let mut offers: Vec<Arc<Offer>> = self.offers_of(model)?.to_vec();
        self.put_in_order(&mut offers, now);
        let mut rulings = Vec::new();
        for offer in offers {
            let verdict = self.rule(caller, &offer, now).await?;
            let left_alone = self.left_alone(&offer);
            rulings.push(Ruling {
                offer,
                verdict,
                left_alone,
            });
        }
        rulings.sort_by_key(|ruling| (!ruling.verdict.permits(), ruling.left_alone.is_some()));
        Ok(rulings)
    }

    fn left_alone(&self, offer: &Offer) -> Option<LeftAlone> {
        if let Some(incident) = self.incident_with(&offer.provider.name) {
            return Some(LeftAlone::Incident(Box::new(incident)));
        }
        let health = self.health.look(offer.provider.id)?;
        matches!(health.breaker.state(), BreakerState::Open { .. }).then_some(LeftAlone::Failing)
    }

    fn put_in_order(&self, offers: &mut Vec<Arc<Offer>>, now: Timestamp) {
        if offers.iter().any(|offer| offer.provider.weight.is_some()) {
            by_weight(offers, self.ambient.seed());
        } else {
            offers.sort_by_key(|offer| price(offer));
        }
        let providers: Vec<_> = offers.iter().map(|offer| offer.provider.id).collect();
        let order = self.health.order(&providers, now);
        *offers = order
            .into_iter()
            .filter_map(|index| offers.get(index).cloned())
            .collect();
    }
}

fn price(offer: &Offer) -> MicroUsd {
    meter::price_of(COMPARED_TOKENS, COMPARED_TOKENS, offer.provider.price)
}

/// Draws one after the other, each with the chance of its weight among those that are left; who has none comes last.
fn by_weight(offers: &mut [Arc<Offer>], seed: Seed) {
    let mut state = seed.get();
    for place in 0..offers.len() {
        let Some(rest) = offers.get_mut(place..) else { return };
        let weight = |offer: &Arc<Offer>| u64::from(offer.provider.weight.unwrap_or(0));
        let total: u64 = rest.iter().map(weight).sum();
        if total == 0 {
            return;
        }
        // A linear congruential step is random enough to share load. Source: Knuth, MMIX.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut drawn = (state >> 16) % total;
        let chosen = rest.iter().position(|offer| {
            let weight = weight(offer);
            let here = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            here
        });
        rest.swap(0, chosen.unwrap_or(0));
    }
}

/// Of two refusals, the one that is told: what is nearest to being permitted says most about what to do.
fn nearest(before: Option<GatewayError>, now: GatewayError) -> GatewayError {
    let distance = |error: &GatewayError| match error {
        GatewayError::Forbidden { .. } => 0,
        GatewayError::NotResident { .. } => 1,
        GatewayError::NotOffered { .. } => 2,
        _ => 3,
    };
    match before {
        Some(before) if distance(&before) <= distance(&now) => before,
        _ => now,
    }
}
