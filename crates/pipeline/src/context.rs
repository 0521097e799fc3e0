//! What every page of the job works with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cultivar_gateway::{Caller, Gateway};
use cultivar_papers::ModelSigner;
use cultivar_record::{Ambient, Digest, EntryKind, LeafIndex, LedgerEntry, Organization, Salt};
use cultivar_store::{DataDir, Statements, StoreError, tables};
use serde::Serialize;

use crate::{PipelineError, Progress};

/// The credentials of the job, one per purpose.
#[derive(Clone, Debug)]
pub struct Callers {
    /// Asks the teacher.
    pub collect: Caller,
    /// Asks the models that are compared.
    pub evaluate: Caller,
}

/// Set once somebody wants the build to stop; every stage looks at it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks the build to stop at the next safe place.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self, stage: &'static str) -> Result<(), PipelineError> {
        if self.is_set() {
            Err(PipelineError::Interrupted { stage })
        } else {
            Ok(())
        }
    }
}

/// Where the job runs and for whom.
#[derive(Clone)]
pub struct Context {
    /// The one door.
    pub gateway: Arc<Gateway>,
    /// The data directory.
    pub dir: DataDir,
    /// For whom.
    pub organization: Organization,
    /// With which credentials.
    pub callers: Callers,
    /// The key of the desensitisation's surrogates.
    pub surrogate_key: [u8; 32],
    /// Signs models.
    pub model_signer: Arc<ModelSigner>,
    /// The program, for the pedigree: name and version.
    pub code: String,
    /// Who hears what happens.
    pub progress: Arc<dyn Progress>,
    /// Whether to stop.
    pub interrupt: Interrupt,
}

impl Context {
    pub(crate) fn ambient(&self) -> &dyn Ambient {
        self.gateway.ambient()
    }

    /// Writes a row and its ledger entry in one transaction; returns the entry's place.
    pub(crate) async fn record<T: Serialize>(
        &self,
        kind: EntryKind,
        subject: impl std::fmt::Display,
        payload: &T,
        digests: &[(&str, Digest)],
        insert: impl FnOnce(&mut dyn Statements, LeafIndex) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<LeafIndex, PipelineError> {
        let ambient = self.ambient();
        let salt = Salt::new(ambient);
        let entry = LedgerEntry::new(kind, self.organization.id, subject, salt, payload, ambient.now())?;
        let entry = digests
            .iter()
            .fold(entry, |entry, (name, digest)| entry.with(name, *digest));
        let written = self.gateway.store().write(move |tx| {
            let leaf = tables::ledger::append_with_salt(tx, &entry, salt)?;
            insert(tx, leaf)?;
            Ok(leaf)
        });
        Ok(written.await?)
    }
}
