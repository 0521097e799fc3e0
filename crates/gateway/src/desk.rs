//! The desk: what is registered before anybody asks. Every act is a row and a ledger entry in one transaction.

use std::sync::PoisonError;

use cultivar_record::{
    Acceptance, ApiKey, ApiKeyId, Digest, EntryKind, LedgerEntry, Market, Organization, OrganizationId, Price,
    Provider, ProviderId, ProviderKind, Purpose, Salt, Standing, TermsKey,
};
use cultivar_store::tables;

use crate::{Gateway, GatewayError, key};

/// What is needed to register a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProvider {
    /// Its name, unique.
    pub name: String,
    /// How it is spoken to.
    pub kind: ProviderKind,
    /// The model's name at the gateway, unique.
    pub model: String,
    /// The model's name at the provider.
    pub provider_model: String,
    /// Where it is, for kind `openai`.
    pub base_url: Option<String>,
    /// The environment variable that holds the key.
    pub key_variable: Option<String>,
    /// The terms that bind what it answers.
    pub terms: TermsKey,
    /// What it charges.
    pub price: Price,
}

/// Whether something was new or there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It was added.
    New,
    /// It was there, and is as asked for.
    Already,
}

impl Gateway {
    /// Creates an organisation, or returns the one with this name.
    pub async fn create_organization(&self, name: &str, market: Market) -> Result<Organization, GatewayError> {
        if let Some(known) = self.store.read(|tx| tables::organization::by_name(tx, name))? {
            return Ok(known);
        }
        let ambient = self.ambient.as_ref();
        let organization = Organization {
            id: OrganizationId::new(ambient),
            name: name.to_owned(),
            market,
            standing: Standing::Active,
            created_at: ambient.now(),
        };
        let salt = Salt::new(ambient);
        let (id, at) = (organization.id, organization.created_at);
        let entry = LedgerEntry::new(EntryKind::OrganizationCreated, id, id, salt, &organization, at)?;
        let row = organization.clone();
        self.store
            .write(move |tx| {
                tables::organization::insert(tx, &row)?;
                tables::ledger::append_with_salt(tx, &entry, salt)
            })
            .await?;
        Ok(organization)
    }

    /// Issues a key; the text is returned once and never stored.
    pub async fn issue_key(
        &self,
        organization: &Organization,
        name: &str,
        purpose: Purpose,
    ) -> Result<(ApiKey, String), GatewayError> {
        let ambient = self.ambient.as_ref();
        let fresh = key::fresh(ambient);
        let api_key = ApiKey {
            id: ApiKeyId::new(ambient),
            organization: organization.id,
            name: name.to_owned(),
            prefix: fresh.prefix,
            purpose,
            created_at: ambient.now(),
            revoked_at: None,
        };
        let salt = Salt::new(ambient);
        let entry = LedgerEntry::new(
            EntryKind::KeyIssued,
            organization.id,
            api_key.id,
            salt,
            &api_key,
            api_key.created_at,
        )?;
        let (row, hash) = (api_key.clone(), self.hasher.hash(&fresh.text));
        self.store
            .write(move |tx| {
                tables::api_key::insert(tx, &row, &hash)?;
                tables::ledger::append_with_salt(tx, &entry, salt)
            })
            .await?;
        Ok((api_key, fresh.text))
    }

    /// Revokes a key; requests with it are refused from then on.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<ApiKey, GatewayError> {
        let known = self.store.read(|tx| tables::api_key::get(tx, id))?;
        if known.revoked_at.is_some() {
            return Ok(known);
        }
        let ambient = self.ambient.as_ref();
        let at = ambient.now();
        let revoked = ApiKey {
            revoked_at: Some(at),
            ..known
        };
        let salt = Salt::new(ambient);
        let entry = LedgerEntry::new(EntryKind::KeyRevoked, revoked.organization, id, salt, &revoked, at)?;
        let row = revoked.clone();
        self.store
            .write(move |tx| {
                tables::api_key::update(tx, &row)?;
                tables::ledger::append_with_salt(tx, &entry, salt)
            })
            .await?;
        Ok(revoked)
    }

    /// Records that a named person accepted a row of terms for an organisation.
    pub async fn accept_terms(
        &self,
        organization: &Organization,
        terms: &TermsKey,
        accepted_by: &str,
    ) -> Result<Registered, GatewayError> {
        let digest = self.keep_terms(terms).await?;
        if self.has_accepted(organization.id, terms, digest) {
            return Ok(Registered::Already);
        }
        let ambient = self.ambient.as_ref();
        let acceptance = Acceptance {
            organization: organization.id,
            terms: terms.clone(),
            digest,
            accepted_by: accepted_by.to_owned(),
            at: ambient.now(),
        };
        let salt = Salt::new(ambient);
        let entry = LedgerEntry::new(
            EntryKind::TermsAccepted,
            organization.id,
            terms,
            salt,
            &acceptance,
            acceptance.at,
        )?
        .with("terms", digest);
        let row = acceptance.clone();
        self.store
            .write(move |tx| {
                if tables::acceptance::insert(tx, &row)? {
                    tables::ledger::append_with_salt(tx, &entry, salt)?;
                }
                Ok(())
            })
            .await?;
        self.acceptances
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(acceptance);
        Ok(Registered::New)
    }

    pub(crate) fn has_accepted(&self, organization: OrganizationId, terms: &TermsKey, digest: Digest) -> bool {
        let acceptances = self.acceptances.read().unwrap_or_else(PoisonError::into_inner);
        acceptances
            .iter()
            .any(|a| a.organization == organization && a.terms == *terms && a.digest == digest)
    }

    /// Registers a provider. One with the same name and the same settings is left as it is; with other settings it is
    /// brought up to date, which is an entry of its own.
    ///
    /// # Errors
    /// `store::exists` where another provider has the model's name; `unknown_terms`.
    pub async fn register_provider(
        &self,
        organization: OrganizationId,
        new: NewProvider,
    ) -> Result<Registered, GatewayError> {
        let terms_digest = self.keep_terms(&new.terms).await?;
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
            terms: new.terms,
            price: new.price,
        };
        if known.as_ref() == Some(&provider) {
            return Ok(Registered::Already);
        }
        let (name, salt) = (provider.name.clone(), Salt::new(ambient));
        let entry = LedgerEntry::new(
            EntryKind::ProviderRegistered,
            organization,
            name,
            salt,
            &provider,
            ambient.now(),
        )?
        .with("terms", terms_digest);
        let (row, is_new) = (provider.clone(), known.is_none());
        self.store
            .write(move |tx| {
                if is_new {
                    tables::provider::insert(tx, &row)?;
                } else {
                    tables::provider::update(tx, &row)?;
                }
                tables::ledger::append_with_salt(tx, &entry, salt)
            })
            .await?;
        let mut providers = self.providers.write().unwrap_or_else(PoisonError::into_inner);
        providers.retain(|_, other| other.name != provider.name);
        providers.insert(provider.model.clone(), provider);
        Ok(Registered::New)
    }

    /// Removes a provider; its exchanges and their terms stay.
    pub async fn remove_provider(&self, organization: OrganizationId, name: &str) -> Result<(), GatewayError> {
        let known = self.store.read(|tx| tables::provider::by_name(tx, name))?;
        let known = known.ok_or_else(|| cultivar_store::StoreError::NotFound {
            what: "provider",
            name: name.to_owned(),
        })?;
        let ambient = self.ambient.as_ref();
        let salt = Salt::new(ambient);
        let entry = LedgerEntry::new(
            EntryKind::ProviderRemoved,
            organization,
            name,
            salt,
            &known,
            ambient.now(),
        )?;
        let row = name.to_owned();
        self.store
            .write(move |tx| {
                tables::provider::remove(tx, &row)?;
                tables::ledger::append_with_salt(tx, &entry, salt)
            })
            .await?;
        self.providers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&known.model);
        Ok(())
    }

    /// Keeps the row as it stands, so that it can be read as long as something is bound by it.
    async fn keep_terms(&self, key: &TermsKey) -> Result<Digest, GatewayError> {
        self.put_blob(self.terms(key)?).await
    }
}
