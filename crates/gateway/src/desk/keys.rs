//! API keys: issued, revoked.

use cultivar_record::{
    ApiKey, ApiKeyId, EntryKind, IpRange, Limit, Market, Organization, ProjectId, Purpose, Timestamp,
};
use cultivar_store::tables;

use super::Act;
use crate::{Gateway, GatewayError, key};

/// What a new key is for, and what it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// A name for people.
    pub name: String,
    /// What it may be used for.
    pub purpose: Purpose,
    /// The project that it belongs to.
    pub project: Option<ProjectId>,
    /// The market from which it asks.
    pub market: Option<Market>,
    /// The models that may be asked with it; all where none is named.
    pub models: Vec<String>,
    /// Until when it is served.
    pub expires_at: Option<Timestamp>,
    /// The addresses from which it is served; all where none is named.
    pub allowed_ips: Vec<IpRange>,
    /// What may be used with it.
    pub limit: Limit,
}

impl NewKey {
    /// A key without limits.
    pub fn plain(name: &str, purpose: Purpose) -> Self {
        Self {
            name: name.to_owned(),
            purpose,
            project: None,
            market: None,
            models: Vec::new(),
            expires_at: None,
            allowed_ips: Vec::new(),
            limit: Limit::default(),
        }
    }
}

impl Gateway {
    /// Issues a key without limits; the text is returned once and never stored.
    pub async fn issue_key(
        &self,
        organization: &Organization,
        name: &str,
        purpose: Purpose,
    ) -> Result<(ApiKey, String), GatewayError> {
        self.issue(organization, NewKey::plain(name, purpose)).await
    }

    /// Issues a key; the text is returned once and never stored.
    pub async fn issue(&self, organization: &Organization, new: NewKey) -> Result<(ApiKey, String), GatewayError> {
        let ambient = self.ambient.as_ref();
        let fresh = key::fresh(ambient);
        let api_key = ApiKey {
            id: ApiKeyId::new(ambient),
            organization: organization.id,
            name: new.name,
            prefix: fresh.prefix,
            purpose: new.purpose,
            created_at: ambient.now(),
            revoked_at: None,
            project: new.project,
            market: new.market,
            models: new.models,
            expires_at: new.expires_at,
            allowed_ips: new.allowed_ips,
            limit: new.limit,
        };
        let hash = self.hasher.hash(&fresh.text);
        let act = Act::new(EntryKind::KeyIssued, organization.id, api_key.id);
        self.act(act, api_key.clone(), move |tx, row| {
            tables::api_key::insert(tx, row, &hash).map(|()| true)
        })
        .await?;
        self.takes_effect()?;
        Ok((api_key, fresh.text))
    }

    /// Revokes a key; requests with it are refused from then on, and its running streams break off.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<ApiKey, GatewayError> {
        let known = self.store.read(|tx| tables::api_key::get(tx, id))?;
        if known.revoked_at.is_some() {
            return Ok(known);
        }
        let revoked = ApiKey {
            revoked_at: Some(self.ambient.now()),
            ..known
        };
        let act = Act::new(EntryKind::KeyRevoked, revoked.organization, id);
        self.act(act, revoked.clone(), |tx, row| {
            tables::api_key::update(tx, row).map(|()| true)
        })
        .await?;
        self.takes_effect()?;
        Ok(revoked)
    }
}
