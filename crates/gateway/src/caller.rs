//! Who asks.

use std::{net::IpAddr, sync::Arc};

use cultivar_record::{ApiKey, ApiKeyId, Market, Organization, Project, Purpose, Timestamp, UseAction};

use crate::{Gateway, GatewayError, claim, directory::Holder};

/// An authenticated caller: an organisation in some standing and market, with a key issued for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The organisation, as it stands now.
    pub organization: Arc<Organization>,
    /// The key.
    pub key: Arc<ApiKey>,
    /// The project of the key, where it has one.
    pub project: Option<Arc<Project>>,
    /// The market from which it asks.
    pub market: Market,
}

/// What a request says about its caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// The API key.
    pub key: &'a str,
    /// Where the request came from; not known to calls within this process.
    pub address: Option<IpAddr>,
    /// A signed claim about the market.
    pub claim: Option<&'a str>,
}

impl Caller {
    /// What the key's purpose amounts to in policy.
    pub fn action(&self) -> UseAction {
        match self.key.purpose {
            Purpose::Serve | Purpose::Administer => UseAction::Infer,
            Purpose::Collect => UseAction::Collect,
            Purpose::Evaluate => UseAction::Evaluate,
        }
    }

    /// Whether the key may ask a model of this name. Which models exist is not told to keys that may not ask them.
    pub fn may_ask(&self, model: &str) -> bool {
        self.key.models.is_empty() || self.key.models.iter().any(|allowed| allowed == model)
    }
}

impl Gateway {
    /// The caller with this key, from within this process.
    ///
    /// # Errors
    /// As [`Gateway::admit`].
    pub fn authenticate(&self, key: &str) -> Result<Caller, GatewayError> {
        let credentials = Credentials {
            key,
            ..Credentials::default()
        };
        self.admit(&credentials)
    }

    /// The caller of a request.
    ///
    /// # Errors
    /// `invalid_api_key` where the key is not known, was revoked or has expired; `ip_not_authorized`; `account_deactivated` where
    /// the organisation is not served, `account_suspended` where the project is not; `invalid_market_claim`.
    pub fn admit(&self, credentials: &Credentials<'_>) -> Result<Caller, GatewayError> {
        let hash = self.hasher.hash(credentials.key);
        let holder = self.directory.by_hash(&hash).ok_or(GatewayError::InvalidKey)?;
        let now = self.ambient.now();
        check(&holder, now)?;
        let allowed = &holder.key.allowed_ips;
        if let Some(address) = credentials.address
            && !allowed.is_empty()
            && !allowed.iter().any(|range| range.contains(address))
        {
            return Err(GatewayError::AddressNotAllowed {
                prefix: holder.key.prefix.clone(),
            });
        }
        let market = match credentials.claim {
            None => market(&holder),
            Some(text) => {
                let key = holder.project.as_ref().and_then(|project| project.claim_key.as_deref());
                claim::market(text, key, now)?
            }
        };
        Ok(Caller {
            organization: holder.organization,
            key: holder.key,
            project: holder.project,
            market,
        })
    }

    /// The same caller as it stands now: standing, limits and rights may have changed since it was admitted.
    ///
    /// # Errors
    /// As [`Gateway::admit`].
    pub(crate) fn still(&self, caller: &Caller) -> Result<Caller, GatewayError> {
        let holder = self.served(caller.key.id)?;
        Ok(Caller {
            organization: holder.organization,
            key: holder.key,
            project: holder.project,
            market: caller.market.clone(),
        })
    }

    /// Whether a key is still served.
    ///
    /// # Errors
    /// As [`Gateway::admit`].
    pub(crate) fn is_served(&self, key: ApiKeyId) -> Result<(), GatewayError> {
        self.served(key).map(drop)
    }

    fn served(&self, key: ApiKeyId) -> Result<Holder, GatewayError> {
        let holder = self.directory.by_id(key).ok_or(GatewayError::InvalidKey)?;
        check(&holder, self.ambient.now())?;
        Ok(holder)
    }
}

fn check(holder: &Holder, now: Timestamp) -> Result<(), GatewayError> {
    let Holder {
        key,
        organization,
        project,
    } = holder;
    let prefix = || key.prefix.clone();
    if key.revoked_at.is_some() {
        return Err(GatewayError::RevokedKey { prefix: prefix() });
    }
    if key.expires_at.is_some_and(|until| until <= now) {
        return Err(GatewayError::ExpiredKey { prefix: prefix() });
    }
    if let Some(project) = project.as_ref().filter(|project| project.archived_at.is_some()) {
        return Err(GatewayError::ProjectNotServed {
            project: project.name.clone(),
        });
    }
    // Whoever runs the door can always undo what was done: no model is asked with such a key.
    if organization.standing.is_served() || key.purpose == Purpose::Administer {
        Ok(())
    } else {
        Err(GatewayError::NotServed {
            enforcement: organization.enforcement.clone().map(Box::new),
        })
    }
}

/// The market of a key, else of its project, else of its organisation.
fn market(holder: &Holder) -> Market {
    let project = holder.project.as_ref().and_then(|project| project.market.as_ref());
    let market = holder.key.market.as_ref().or(project);
    market.unwrap_or(&holder.organization.market).clone()
}
