//! The desk: what is registered before anybody asks. Every act is a row and a ledger entry in one transaction, and the next request
//! sees it. One file per kind of thing.

mod agreements;
mod keys;
mod organizations;
mod providers;

use cultivar_record::{Digest, EntryKind, LedgerEntry, OrganizationId, Salt};
use cultivar_store::{Statements, StoreError, tables};
use serde::Serialize;

pub use agreements::Coverage;
pub use keys::NewKey;
pub use organizations::OrganizationChange;
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
pub struct Act {
    kind: EntryKind,
    organization: OrganizationId,
    subject: String,
    digests: Vec<(&'static str, Digest)>,
    also: Option<EntryKind>,
}

impl Act {
    /// An act on something.
    pub fn new(kind: EntryKind, organization: OrganizationId, subject: impl std::fmt::Display) -> Self {
        Self {
            kind,
            organization,
            subject: subject.to_string(),
            digests: Vec::new(),
            also: None,
        }
    }

    /// The same act with a digest that may be public.
    #[must_use]
    pub fn with(mut self, name: &'static str, digest: Digest) -> Self {
        self.digests.push((name, digest));
        self
    }

    /// The same act with a second entry of another kind about it.
    #[must_use]
    pub fn and(mut self, kind: Option<EntryKind>) -> Self {
        self.also = kind;
        self
    }
}

impl Gateway {
    /// Writes the row and the entry that commits to the record. Where `write` says that nothing changed, there is no entry.
    ///
    /// # Errors
    /// What the store says.
    pub async fn act<T, F>(&self, act: Act, record: T, write: F) -> Result<bool, GatewayError>
    where
        T: Serialize + Send + 'static,
        F: FnOnce(&mut dyn Statements, &T) -> Result<bool, StoreError> + Send + 'static,
    {
        // The ledger keeps the order in which things happened.
        self.journal.caught_up().await?;
        let ambient = self.ambient.as_ref();
        let mut entries = Vec::new();
        for kind in [Some(act.kind), act.also].into_iter().flatten() {
            let (salt, at) = (Salt::new(ambient), ambient.now());
            let entry = LedgerEntry::new(kind, act.organization, &act.subject, salt, &record, at)?;
            let digests = act.digests.iter();
            entries.push((
                digests.fold(entry, |entry, (name, digest)| entry.with(name, *digest)),
                salt,
            ));
        }
        let written = self.store.write(move |tx| {
            let changed = write(tx, &record)?;
            for (entry, salt) in entries.iter().filter(|_| changed) {
                tables::ledger::append_with_salt(tx, entry, *salt)?;
            }
            Ok(changed)
        });
        Ok(written.await?)
    }

    /// Lets requests see what an act changed about who is served and how much.
    ///
    /// # Errors
    /// What the store says.
    pub fn takes_effect(&self) -> Result<(), GatewayError> {
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
