//! Providers: registered, brought up to date, removed.

use cultivar_policy::OWN_MODELS;
use cultivar_record::{
    EntryKind, Market, OrganizationId, Price, Provider, ProviderId, ProviderKind, TermsKey, digest_of,
};
use cultivar_store::tables;

use super::{Act, Registered, not_found};
use crate::{Gateway, GatewayError, offer::may_be_own};

/// What is needed to register a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProvider {
    /// Its name, unique.
    pub name: String,
    /// How it is spoken to.
    pub kind: ProviderKind,
    /// The model's name at the gateway. Several providers may offer one: they are its candidates.
    pub model: String,
    /// The model's name at the provider.
    pub provider_model: String,
    /// Where it is.
    pub base_url: Option<String>,
    /// The environment variable that holds the key.
    pub key_variable: Option<String>,
    /// The terms that bind what it answers.
    pub terms: TermsKey,
    /// What it charges.
    pub price: Price,
    /// The markets in which it is offered; all where none is named.
    pub markets: Vec<Market>,
    /// Where it stores and processes; unknown where none is named.
    pub residency: Vec<Market>,
    /// Its share among candidates.
    pub weight: Option<u32>,
    /// Whether it bills a call that is cancelled.
    pub bills_cancelled: bool,
}

impl NewProvider {
    /// A provider that is offered everywhere, under these terms, at no price.
    pub fn plain(name: &str, kind: ProviderKind, model: &str, provider_model: &str, terms: TermsKey) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            model: model.to_owned(),
            provider_model: provider_model.to_owned(),
            base_url: None,
            key_variable: None,
            terms,
            price: Price::default(),
            markets: Vec::new(),
            residency: Vec::new(),
            weight: None,
            bills_cancelled: false,
        }
    }
}

impl Gateway {
    /// Registers a provider. One with the same name and the same settings is left as it is; with other settings it is
    /// brought up to date, which is an entry of its own.
    ///
    /// # Errors
    /// `unknown_terms`; `not_own` where a server elsewhere is said to be a model of our own.
    pub async fn register_provider(
        &self,
        organization: OrganizationId,
        new: NewProvider,
    ) -> Result<Registered, GatewayError> {
        if new.terms.as_str() == OWN_MODELS && !may_be_own(new.kind) {
            let (provider, kind) = (new.name, new.kind);
            return Err(GatewayError::NotOwn { provider, kind });
        }
        self.keep_terms(&new.terms).await?;
        let terms = self.terms(&new.terms)?;
        let terms_digest = digest_of(&terms)?;
        let known = self.store.read(|tx| tables::provider::by_name(tx, &new.name))?;
        let ambient = self.ambient.as_ref();
        let provider = Provider {
            id: known
                .as_ref()
                .map_or_else(|| ProviderId::new(ambient), |known| known.id),
            created_at: known.as_ref().map_or_else(|| ambient.now(), |known| known.created_at),
            name: new.name,
            kind: new.kind,
            model: new.model,
            provider_model: new.provider_model,
            base_url: new.base_url,
            key_variable: new.key_variable,
            terms: terms.key,
            price: new.price,
            markets: new.markets,
            residency: new.residency,
            weight: new.weight,
            bills_cancelled: new.bills_cancelled,
        };
        if known.as_ref() == Some(&provider) {
            return Ok(Registered::Already);
        }
        let is_new = known.is_none();
        let act = Act::new(EntryKind::ProviderRegistered, organization, &provider.name).with("terms", terms_digest);
        self.act(act, provider, move |tx, row| {
            let written = if is_new {
                tables::provider::insert(tx, row)
            } else {
                tables::provider::update(tx, row)
            };
            written.map(|()| true)
        })
        .await?;
        self.refresh_offers(self.store.read(tables::provider::list)?)?;
        Ok(Registered::New)
    }

    /// Removes a provider; its exchanges and their terms stay.
    ///
    /// # Errors
    /// `store::not_found`.
    pub async fn remove_provider(&self, organization: OrganizationId, name: &str) -> Result<(), GatewayError> {
        let known = self.store.read(|tx| tables::provider::by_name(tx, name))?;
        let known = known.ok_or_else(|| not_found("provider", name))?;
        let act = Act::new(EntryKind::ProviderRemoved, organization, name);
        let row = name.to_owned();
        self.act(act, known, move |tx, _| {
            tables::provider::remove(tx, &row).map(|()| true)
        })
        .await?;
        self.refresh_offers(self.store.read(tables::provider::list)?)
    }
}
