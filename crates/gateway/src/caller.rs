//! Who asks.

use cultivar_record::{ApiKey, Organization, Purpose, UseAction};
use cultivar_store::tables;

use crate::{Gateway, GatewayError};

/// An authenticated caller: an organisation in some standing and market, with a key issued for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The organisation, as it stands now.
    pub organization: Organization,
    /// The key.
    pub key: ApiKey,
}

impl Caller {
    /// What the key's purpose amounts to in policy.
    pub const fn action(&self) -> UseAction {
        match self.key.purpose {
            Purpose::Serve => UseAction::Infer,
            Purpose::Collect => UseAction::Collect,
            Purpose::Evaluate => UseAction::Evaluate,
        }
    }
}

impl Gateway {
    /// The caller with this key.
    ///
    /// # Errors
    /// `invalid_api_key` where the key is not known or was revoked; `account_deactivated` where the organisation is not served.
    pub fn authenticate(&self, key: &str) -> Result<Caller, GatewayError> {
        let hash = self.hasher.hash(key);
        let key = self
            .store
            .read(|tx| tables::api_key::by_hash(tx, &hash))?
            .ok_or(GatewayError::InvalidKey)?;
        if key.revoked_at.is_some() {
            return Err(GatewayError::RevokedKey { prefix: key.prefix });
        }
        let organization = self.store.read(|tx| tables::organization::get(tx, key.organization))?;
        if organization.standing.is_served() {
            Ok(Caller { organization, key })
        } else {
            Err(GatewayError::NotServed)
        }
    }
}
