//! Organisations: created, changed, put into another standing.

use cultivar_record::{Enforcement, EntryKind, Limit, Market, Organization, OrganizationId, Retention, Standing};
use cultivar_store::tables;

use super::{Act, not_found};
use crate::{Gateway, GatewayError};

/// What is changed of an organisation; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationChange {
    /// The market from which it asks.
    pub market: Option<Market>,
    /// What all its keys together may use.
    pub limit: Option<Limit>,
    /// How much of its conversations is kept.
    pub retention: Option<Retention>,
    /// Where its data must stay.
    pub residency: Option<Vec<Market>>,
    /// Where alerts about its spending go; an empty text for nowhere.
    pub alert_url: Option<String>,
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
            enforcement: None,
            limit: Limit::default(),
            retention: Retention::Full,
            residency: Vec::new(),
            alert_url: None,
        };
        let act = Act::new(EntryKind::OrganizationCreated, organization.id, organization.id);
        self.act(act, organization.clone(), |tx, row| {
            tables::organization::insert(tx, row).map(|()| true)
        })
        .await?;
        Ok(organization)
    }

    /// The organisation with this name.
    ///
    /// # Errors
    /// `store::not_found`.
    pub fn organization(&self, name: &str) -> Result<Organization, GatewayError> {
        let known = self.store.read(|tx| tables::organization::by_name(tx, name))?;
        known.ok_or_else(|| not_found("org", name))
    }

    /// Changes an organisation. Requests see it at once.
    pub async fn change_organization(
        &self,
        name: &str,
        change: OrganizationChange,
    ) -> Result<Organization, GatewayError> {
        let known = self.organization(name)?;
        let changed = Organization {
            market: change.market.unwrap_or_else(|| known.market.clone()),
            limit: change.limit.unwrap_or_else(|| known.limit.clone()),
            retention: change.retention.unwrap_or(known.retention),
            residency: change.residency.unwrap_or_else(|| known.residency.clone()),
            alert_url: match change.alert_url {
                None => known.alert_url.clone(),
                Some(url) => Some(url).filter(|url| !url.is_empty()),
            },
            ..known.clone()
        };
        if changed != known {
            self.write_organization(EntryKind::OrganizationChanged, changed.clone())
                .await?;
        }
        Ok(changed)
    }

    /// Puts an organisation into a standing, with the case behind it. New requests see it at once, and running streams of an
    /// organisation that is no longer served break off.
    pub async fn set_standing(
        &self,
        name: &str,
        standing: Standing,
        enforcement: Option<Enforcement>,
    ) -> Result<Organization, GatewayError> {
        let known = self.organization(name)?;
        let changed = Organization {
            standing,
            enforcement,
            ..known.clone()
        };
        if changed != known {
            self.write_organization(EntryKind::StandingChanged, changed.clone())
                .await?;
        }
        Ok(changed)
    }

    async fn write_organization(&self, kind: EntryKind, organization: Organization) -> Result<(), GatewayError> {
        let act = Act::new(kind, organization.id, organization.id);
        self.act(act, organization, |tx, row| {
            tables::organization::update(tx, row).map(|()| true)
        })
        .await?;
        self.takes_effect()
    }
}
