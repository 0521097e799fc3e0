//! Who may ask, in memory: every key with its organisation and project as they stand now. One process has a data directory, so
//! what an act changes is here before the act returns, and the next request sees it.
//!
//! It does not know hashes of keys apart from being handed them, or what a standing means.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use cultivar_record::{ApiKey, ApiKeyId, Organization, OrganizationId, Project, ProjectId};
use cultivar_store::{Store, tables};
use tokio::sync::watch;

use crate::GatewayError;

/// A key with whom it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) key: Arc<ApiKey>,
    pub(crate) organization: Arc<Organization>,
    pub(crate) project: Option<Arc<Project>>,
}

#[derive(Default)]
struct Snapshot {
    by_hash: HashMap<String, Holder>,
    by_id: HashMap<ApiKeyId, Holder>,
}

/// Every key, and a number that grows with each change.
pub(crate) struct Directory {
    snapshot: RwLock<Arc<Snapshot>>,
    revision: watch::Sender<u64>,
}

impl Directory {
    pub(crate) fn read(store: &Store) -> Result<Self, GatewayError> {
        Ok(Self {
            snapshot: RwLock::new(Arc::new(snapshot(store)?)),
            revision: watch::Sender::new(0),
        })
    }

    /// Reads everything anew: after an act that changed a key, a project or an organisation.
    pub(crate) fn refresh(&self, store: &Store) -> Result<(), GatewayError> {
        let fresh = Arc::new(snapshot(store)?);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.revision.send_modify(|revision| *revision += 1);
        Ok(())
    }

    pub(crate) fn by_hash(&self, hash: &str) -> Option<Holder> {
        self.snapshot().by_hash.get(hash).cloned()
    }

    pub(crate) fn by_id(&self, id: ApiKeyId) -> Option<Holder> {
        self.snapshot().by_id.get(&id).cloned()
    }

    /// Hears of every change: for what runs longer than a moment.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn snapshot(store: &Store) -> Result<Snapshot, GatewayError> {
    let organizations = store.read(tables::organization::list)?.into_iter();
    let organizations: HashMap<OrganizationId, Arc<Organization>> =
        organizations.map(|row| (row.id, Arc::new(row))).collect();
    let projects = store.read(tables::project::list)?.into_iter();
    let projects: HashMap<ProjectId, Arc<Project>> = projects.map(|row| (row.id, Arc::new(row))).collect();
    let mut found = Snapshot::default();
    for (hash, key) in store.read(tables::api_key::hashes)? {
        let Some(organization) = organizations.get(&key.organization).cloned() else {
            continue;
        };
        let project = key.project.and_then(|id| projects.get(&id).cloned());
        // A key of a project that is gone belongs to nobody.
        if key.project.is_some() && project.is_none() {
            continue;
        }
        let key = Arc::new(key);
        let holder = Holder {
            key: Arc::clone(&key),
            organization,
            project,
        };
        found.by_id.insert(key.id, holder.clone());
        found.by_hash.insert(hash, holder);
    }
    Ok(found)
}
