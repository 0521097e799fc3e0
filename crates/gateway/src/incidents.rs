//! Incidents: a provider says that our own account there is warned or disabled. It is recorded, somebody is told, and the
//! provider is not asked again until a person has looked: going on asking makes such things worse.

use std::sync::PoisonError;

use cultivar_dialect::Sign;
use cultivar_record::{EntryKind, Incident, IncidentId, Intent, LedgerEntry, Salt};
use cultivar_store::tables;

use crate::{Gateway, GatewayError, error::ProviderRefusal};

/// The sign of a quota that is used up: somebody has to know, but it passes without anybody's doing.
const QUOTA: &str = "quota_used_up";

impl Gateway {
    /// Hears a refusal, and opens an incident where it is a sign about our own account.
    pub(crate) fn hear(&self, intent: &Intent, refusal: &ProviderRefusal) {
        if !refusal.sign.opens_incident() {
            return;
        }
        let sign = match refusal.sign {
            Sign::Standing { what } => what.as_str(),
            _ => QUOTA,
        };
        let mut incidents = self.incidents.write().unwrap_or_else(PoisonError::into_inner);
        // A quota that is used up hides nothing: what is said about the account afterwards is an incident of its own.
        let covers = |known: &Incident| known.sign != QUOTA || sign == QUOTA;
        if incidents
            .iter()
            .any(|known| known.provider == refusal.provider && covers(known))
        {
            return;
        }
        let ambient = self.ambient.as_ref();
        let incident = Incident {
            id: IncidentId::new(ambient),
            organization: intent.organization,
            provider: refusal.provider.clone(),
            sign: sign.to_owned(),
            exchange: intent.id,
            status: refusal.status,
            at: ambient.now(),
            closed_at: None,
            closed_by: None,
        };
        incidents.push(incident.clone());
        drop(incidents);
        let store = std::sync::Arc::clone(&self.store);
        let salt = Salt::new(ambient);
        // The row follows on a task: the caller that met the refusal need not wait for it.
        self.tasks.spawn(async move {
            let _ = store
                .write(move |tx| {
                    let entry = LedgerEntry::new(
                        EntryKind::Incident,
                        incident.organization,
                        incident.id,
                        salt,
                        &incident,
                        incident.at,
                    )?;
                    tables::incident::insert(tx, &incident)?;
                    tables::ledger::append_with_salt(tx, &entry, salt)
                })
                .await;
        });
    }

    /// The open incident for which a provider is not asked, where there is one.
    pub(crate) fn incident_with(&self, provider: &str) -> Option<Incident> {
        let incidents = self.incidents.read().unwrap_or_else(PoisonError::into_inner);
        let closes = |incident: &&Incident| incident.provider == provider && incident.sign != QUOTA;
        incidents.iter().find(closes).cloned()
    }

    /// Closes an incident: a person has settled it with the provider, which is asked again from now on.
    ///
    /// # Errors
    /// `store::not_found`.
    pub async fn close_incident(&self, id: IncidentId, closed_by: &str) -> Result<Incident, GatewayError> {
        let known = self.store.read(|tx| tables::incident::get(tx, id))?;
        if known.closed_at.is_some() {
            return Ok(known);
        }
        let ambient = self.ambient.as_ref();
        let closed = Incident {
            closed_at: Some(ambient.now()),
            closed_by: Some(closed_by.to_owned()),
            ..known
        };
        let (row, salt, at) = (closed.clone(), Salt::new(ambient), ambient.now());
        self.store
            .write(move |tx| {
                let entry = LedgerEntry::new(EntryKind::Incident, row.organization, row.id, salt, &row, at)?;
                tables::incident::update(tx, &row)?;
                tables::ledger::append_with_salt(tx, &entry, salt)
            })
            .await?;
        let mut incidents = self.incidents.write().unwrap_or_else(PoisonError::into_inner);
        incidents.retain(|incident| incident.id != id);
        Ok(closed)
    }
}
