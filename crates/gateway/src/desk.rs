//! The desk: what is registered before anybody asks. Every act is a row and a ledger entry in one transaction, and the next request
//! sees it. One file per kind of thing.

mod agreements;
mod approvals;
mod keys;
mod members;
mod organizations;
mod projects;
mod providers;

use cultivar_record::{Digest, EntryKind, LedgerEntry, OrganizationId, Salt};
use cultivar_store::{Statements, StoreError, tables};
use serde::Serialize;

pub use agreements::Coverage;
pub use approvals::NewApproval;
pub use keys::NewKey;
pub use organizations::OrganizationChange;
pub use projects::ProjectChange;
pub use providers::NewProvider;

use crate::{Gateway, GatewayError};

/// Whether something was new or there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It was added.
    New,
    /// It was there, and is as asked for.
    Already,
}

/// What the ledger says of an act.
struct Act {
    kind: EntryKind,
    organization: OrganizationId,
    subject: String,
    /// The terms that it is about, where it is about any.
    terms: Option<Digest>,
}

impl Act {
    fn new(kind: EntryKind, organization: OrganizationId, subject: impl std::fmt::Display) -> Self {
        Self {
            kind,
            organization,
            subject: subject.to_string(),
            terms: None,
        }
    }
}

impl Gateway {
    /// Writes the row and the entry that commits to the record. Where `write` says that nothing changed, there is no entry.
    async fn act<T, F>(&self, act: Act, record: T, write: F) -> Result<bool, GatewayError>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&mut dyn Statements, &T) -> Result<bool, StoreError> + Send + 'static,
    {
        // The ledger keeps the order in which things happened.
        self.journal.caught_up().await?;
        let ambient = self.ambient.as_ref();
        let (salt, at) = (Salt::new(ambient), ambient.now());
        let entry = LedgerEntry::new(act.kind, act.organization, act.subject, salt, &record, at)?;
        let entry = match act.terms {
            Some(digest) => entry.with("terms", digest),
            None => entry,
        };
        let written = self.store.write(move |tx| {
            let changed = write(tx, &record)?;
            if changed {
                tables::ledger::append_with_salt(tx, &entry, salt)?;
            }
            Ok(changed)
        });
        Ok(written.await?)
    }

    /// Lets requests see what an act changed about who is served and how much.
    fn takes_effect(&self) -> Result<(), GatewayError> {
        self.restore_spend()?;
        self.directory.refresh(&self.store)
    }
}

fn not_found(what: &'static str, name: &str) -> GatewayError {
    StoreError::NotFound {
        what,
        name: name.to_owned(),
    }
    .into()
}
