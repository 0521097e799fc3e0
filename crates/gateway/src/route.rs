//! Which provider answers for a model name.

use cultivar_record::{Digest, Provider, Terms, digest_of};

use crate::{Gateway, GatewayError};

/// The chosen provider and the terms that bind what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The provider.
    pub provider: Provider,
    /// Its terms as they stand now.
    pub terms: Terms,
    /// Digest of those terms.
    pub terms_digest: Digest,
}

impl Gateway {
    /// The route to a model.
    ///
    /// # Errors
    /// `model_not_found`.
    pub fn route(&self, model: &str) -> Result<Route, GatewayError> {
        let known = self
            .providers
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(model)
            .cloned();
        let provider = known.ok_or_else(|| GatewayError::UnknownModel {
            model: shortened(model),
        })?;
        self.route_to(provider)
    }

    fn route_to(&self, provider: Provider) -> Result<Route, GatewayError> {
        let terms = self.terms(&provider.terms)?.clone();
        let terms_digest = digest_of(&terms)?;
        Ok(Route {
            provider,
            terms,
            terms_digest,
        })
    }

    /// The registered providers, oldest first.
    pub fn providers(&self) -> Vec<Provider> {
        let known = self.providers.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut providers: Vec<Provider> = known.values().cloned().collect();
        providers.sort_by_key(|provider| provider.id);
        providers
    }
}

fn shortened(model: &str) -> String {
    model.chars().take(100).collect()
}
