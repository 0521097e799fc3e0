//! What was spent before this process began: budgets go on where they stood.

use std::{collections::BTreeMap, sync::PoisonError};

use cultivar_limits::rates::{HolderId, period_start};
use cultivar_record::{Limit, MicroUsd, Timestamp};
use cultivar_store::tables;

use crate::{Gateway, GatewayError};

impl Gateway {
    /// Tells the limits what each holder of a budget has spent in its current period, where they do not know it: of a holder that
    /// has had no budget in this process, or one for another period. To be called again when a budget may have changed.
    pub(crate) fn restore_spend(&self) -> Result<(), GatewayError> {
        let mut holders = self.budgeted()?;
        // Held until all is told: of two changes at once, the second finds what the first has told.
        let mut told = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|holder, _| holders.contains_key(holder));
        holders.retain(|holder, limit| told.get(holder) != limit.budget.as_ref().map(|budget| &budget.period));
        if holders.is_empty() {
            return Ok(());
        }
        // What is not settled yet is in no row.
        self.journal.settle();
        let now = self.ambient.now();
        let ever = Timestamp::from_micros(0);
        let rows = self
            .store
            .read(|tx| tables::usage::between(tx, ever, Timestamp::from_micros(i64::MAX)))?;
        for (holder, limit) in holders {
            let Some(budget) = &limit.budget else { continue };
            let start = period_start(budget.period, now);
            let id = match holder {
                HolderId::ApiKey(id) => id.to_string(),
                HolderId::Project(id) => id.to_string(),
                HolderId::Organization(id) => id.to_string(),
            };
            let of = rows.iter().filter(|(key, _)| {
                key.hour >= start
                    && match holder {
                        HolderId::ApiKey(_) => key.api_key == id,
                        HolderId::Project(_) => key.project == id,
                        HolderId::Organization(_) => key.organization == id,
                    }
            });
            let spent: MicroUsd = of.map(|(_, row)| row.cost).sum();
            self.limits.restore_spend(holder, start, spent);
            told.insert(holder, budget.period);
        }
        Ok(())
    }

    /// Everybody who has a budget.
    fn budgeted(&self) -> Result<BTreeMap<HolderId, Limit>, GatewayError> {
        let mut holders = BTreeMap::new();
        for key in self.store.read(tables::api_key::list)? {
            holders.insert(HolderId::ApiKey(key.id), key.limit);
        }
        for project in self.store.read(tables::project::list)? {
            holders.insert(HolderId::Project(project.id), project.limit);
        }
        for organization in self.store.read(tables::organization::list)? {
            holders.insert(HolderId::Organization(organization.id), organization.limit);
        }
        holders.retain(|_, limit| limit.budget.is_some());
        Ok(holders)
    }
}
