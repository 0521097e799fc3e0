//! What is offered: the providers of each model, each with the terms that bind what it answers, ready to be asked.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use cultivar_policy::{
    OWN_MODELS,
    stack::{self, Row},
};
use cultivar_record::{Digest, Pedigree, Provider, ProviderKind, Terms, digest_of};
use cultivar_store::tables;

use crate::{Gateway, GatewayError, providers::ProviderClient};

/// A provider of a model and the terms that bind what it answers.
pub struct Offer {
    /// The provider.
    pub provider: Provider,
    /// Its terms as they stand now.
    pub terms: Terms,
    /// Digest of those terms.
    pub terms_digest: Digest,
    /// What an approval of it names: the digest of the pedigree of the version that answers, or of the provider's settings where the
    /// records know none.
    pub subject: Digest,
    /// Everything that the version that answers descends from, where the records know it.
    pub pedigree: Option<Arc<Pedigree>>,
    /// The rows of those terms: each must be accepted, and each must permit.
    pub(crate) rows: Vec<Row>,
    client: RwLock<Option<Arc<dyn ProviderClient>>>,
}

impl Offer {
    /// Whether the model is one of our own: under our own terms, and in this process.
    pub fn is_own(&self) -> bool {
        self.is_said_to_be_own() && may_be_own(self.provider.kind)
    }

    /// Whether its terms say so, whoever answers.
    pub(crate) fn is_said_to_be_own(&self) -> bool {
        self.terms.key.as_str() == OWN_MODELS
    }
}

/// Whether what answers behind a provider of this kind can be a model of our own. Of a server elsewhere nobody here knows whose
/// model answers, so it is bound by the terms that its owner names, and never by our own.
pub(crate) const fn may_be_own(kind: ProviderKind) -> bool {
    matches!(kind, ProviderKind::Local)
}

/// What decides who answers: all that there is to approve of a model without a pedigree.
fn settings(provider: &Provider) -> (&str, ProviderKind, &str, &str, Option<&str>) {
    let (name, model, url) = (&provider.name, &provider.model, provider.base_url.as_deref());
    (name, provider.kind, model, &provider.provider_model, url)
}

/// The candidates of each model.
type ByModel = HashMap<String, Arc<[Arc<Offer>]>>;

/// The offers, by the model's name at the gateway.
#[derive(Default)]
pub(crate) struct Offers {
    by_model: RwLock<Arc<ByModel>>,
}

impl Offers {
    /// The offers of a model, oldest provider first.
    pub(crate) fn of(&self, model: &str) -> Option<Arc<[Arc<Offer>]>> {
        self.all().get(model).cloned()
    }

    pub(crate) fn all(&self) -> Arc<ByModel> {
        Arc::clone(&self.by_model.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, offers: Vec<Arc<Offer>>) {
        let mut by_model: HashMap<String, Vec<Arc<Offer>>> = HashMap::new();
        for offer in offers {
            by_model.entry(offer.provider.model.clone()).or_default().push(offer);
        }
        let by_model = by_model.into_iter().map(|(model, offers)| (model, Arc::from(offers)));
        *self.by_model.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(by_model.collect());
    }
}

impl Gateway {
    /// Offers what is registered: after a provider was registered or removed.
    ///
    /// # Errors
    /// `unknown_terms`.
    pub(crate) fn refresh_offers(&self, mut providers: Vec<Provider>) -> Result<(), GatewayError> {
        providers.sort_by_key(|provider| provider.id);
        let published = self.store.read(tables::model_version::list)?;
        let offer = |provider: Provider| {
            let terms = self.terms(&provider.terms)?;
            let pedigree = published.iter().map(|version| &version.pedigree).find(|pedigree| {
                may_be_own(provider.kind)
                    && provider.provider_model == format!("{}@{}", pedigree.model, pedigree.version)
            });
            Ok(Arc::new(Offer {
                subject: match pedigree {
                    Some(pedigree) => digest_of(pedigree)?,
                    None => digest_of(&settings(&provider))?,
                },
                pedigree: pedigree.cloned().map(Arc::new),
                terms_digest: digest_of(&terms)?,
                rows: stack::rows(&terms)?,
                terms,
                provider,
                client: RwLock::new(None),
            }))
        };
        let offers: Result<Vec<_>, GatewayError> = providers.into_iter().map(offer).collect();
        self.offers.replace(offers?);
        // An approval is of what answers.
        self.refresh_signed()
    }

    /// The offers of a model.
    ///
    /// # Errors
    /// `model_not_found`.
    pub fn offers_of(&self, model: &str) -> Result<Arc<[Arc<Offer>]>, GatewayError> {
        self.offers.of(model).ok_or_else(|| GatewayError::UnknownModel {
            model: model.chars().take(100).collect(),
        })
    }

    /// The registered providers, oldest first.
    pub fn providers(&self) -> Vec<Provider> {
        let all = self.offers.all();
        let mut providers: Vec<Provider> = all
            .values()
            .flat_map(|offers| offers.iter())
            .map(|offer| offer.provider.clone())
            .collect();
        providers.sort_by_key(|provider| provider.id);
        providers
    }

    /// Who speaks to the provider of an offer; made when it is first asked.
    pub(crate) fn client(&self, offer: &Offer) -> Result<Arc<dyn ProviderClient>, GatewayError> {
        if let Some(client) = &*offer.client.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(client));
        }
        let client = self.make_client(&offer.provider)?;
        *offer.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&client));
        Ok(client)
    }
}
