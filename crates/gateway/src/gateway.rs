//! What stands behind the door.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use cultivar_policy::{Permits, Register};
use cultivar_record::{Acceptance, Ambient, Provider, ProviderKind, Verdict};
use cultivar_store::{Blobs, DataDir, Store, tables};
use tokio::sync::Mutex;

use crate::{
    GatewayError, KeyHasher, LocalModel, Tasks,
    permit::Asked,
    providers::{ProviderClient, http::HttpClient, local::Local, openai::OpenAi},
    publisher::Publisher,
};

/// Reads an environment variable by its name.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a gateway is made of; the binary puts it together.
pub struct Parts {
    /// The records.
    pub store: Arc<Store>,
    /// The data directory.
    pub dir: DataDir,
    /// Time and randomness.
    pub ambient: Arc<dyn Ambient>,
    /// The rows of terms.
    pub register: Register,
    /// The policies in force.
    pub permits: Permits,
    /// Hashes API keys.
    pub hasher: KeyHasher,
    /// Signs tree heads and pedigrees.
    pub signer: cultivar_ledger::LogSigner,
    /// Reads an environment variable: provider keys are never stored.
    pub variable: Variables,
}

/// The gateway of a data directory.
pub struct Gateway {
    pub(crate) store: Arc<Store>,
    pub(crate) blobs: Blobs,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) register: Register,
    pub(crate) permits: Permits,
    pub(crate) hasher: KeyHasher,
    pub(crate) publisher: Publisher,
    pub(crate) tasks: Tasks,
    /// By the model's name.
    pub(crate) providers: RwLock<HashMap<String, Provider>>,
    pub(crate) acceptances: RwLock<Vec<Acceptance>>,
    /// Models of our own, by their name at the provider.
    locals: RwLock<HashMap<String, Arc<dyn LocalModel>>>,
    /// Where the embedded teacher listens, once it does.
    teacher: RwLock<Option<String>>,
    pub(crate) verdicts: Mutex<HashMap<Asked, Verdict>>,
    http: HttpClient,
    variable: Variables,
}

impl Gateway {
    /// Opens the door: closes what a killed process left open, publishes what it left unpublished.
    pub fn open(parts: Parts) -> Result<Arc<Self>, GatewayError> {
        let providers = parts.store.read(tables::provider::list)?;
        let gateway = Self {
            blobs: Blobs::new(&parts.dir),
            publisher: Publisher::new(Arc::clone(&parts.store), parts.dir, parts.signer)?,
            acceptances: RwLock::new(parts.store.read(tables::acceptance::list)?),
            providers: RwLock::new(
                providers
                    .into_iter()
                    .map(|provider| (provider.model.clone(), provider))
                    .collect(),
            ),
            store: parts.store,
            ambient: parts.ambient,
            register: parts.register,
            permits: parts.permits,
            hasher: parts.hasher,
            tasks: Tasks::default(),
            locals: RwLock::default(),
            teacher: RwLock::default(),
            verdicts: Mutex::default(),
            http: HttpClient::default(),
            variable: parts.variable,
        };
        gateway.close_open_exchanges()?;
        gateway.publish()?;
        Ok(Arc::new(gateway))
    }

    /// The records behind the door.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The bodies behind the door.
    pub const fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Time and randomness.
    pub fn ambient(&self) -> &dyn Ambient {
        self.ambient.as_ref()
    }

    /// The rows of terms.
    pub const fn register(&self) -> &Register {
        &self.register
    }

    /// The tracked task set.
    pub const fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Joins a model of our own to the provider of kind `local` that serves it.
    pub fn join_local(&self, provider_model: &str, model: Arc<dyn LocalModel>) {
        self.locals
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(provider_model.to_owned(), model);
    }

    /// Says where the embedded teacher listens, for instance `http://127.0.0.1:40123/v1`.
    pub fn join_teacher(&self, base_url: String) {
        *self.teacher.write().unwrap_or_else(PoisonError::into_inner) = Some(base_url);
    }

    /// Who speaks to a provider.
    pub(crate) fn client(&self, provider: &Provider) -> Result<Box<dyn ProviderClient>, GatewayError> {
        match provider.kind {
            ProviderKind::Openai => {
                let key = match &provider.key_variable {
                    None => None,
                    Some(variable) => {
                        Some((self.variable)(variable).filter(|key| !key.is_empty()).ok_or_else(|| {
                            GatewayError::MissingKey {
                                provider: provider.name.clone(),
                                variable: variable.clone(),
                            }
                        })?)
                    }
                };
                let base_url = provider.base_url.clone().unwrap_or_default();
                Ok(Box::new(OpenAi::new(
                    self.http.get(&base_url)?,
                    provider.name.clone(),
                    &base_url,
                    key,
                )))
            }
            ProviderKind::Recorded => {
                let teacher = self.teacher.read().unwrap_or_else(PoisonError::into_inner).clone();
                let base_url = teacher.ok_or_else(|| GatewayError::Unreachable {
                    provider: provider.name.clone(),
                    reason: "the embedded teacher is not running in this process".to_owned(),
                })?;
                Ok(Box::new(OpenAi::new(
                    self.http.get(&base_url)?,
                    provider.name.clone(),
                    &base_url,
                    None,
                )))
            }
            ProviderKind::Local => {
                let locals = self.locals.read().unwrap_or_else(PoisonError::into_inner);
                let model = locals.get(&provider.provider_model).cloned();
                let model = model.ok_or_else(|| GatewayError::UnknownModel {
                    model: provider.model.clone(),
                })?;
                Ok(Box::new(Local::new(provider.model.clone(), model)))
            }
        }
    }
}
