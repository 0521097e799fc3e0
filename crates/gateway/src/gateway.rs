//! What stands behind the door.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, atomic::AtomicBool},
};

use cultivar_attest::Checklists;
use cultivar_limits::{
    backoff::RetryBudget,
    health::HealthBoard,
    rates::{HolderId, Limits},
};
use cultivar_policy::{Markets, Permits, Register};
use cultivar_privacy::Desensitiser;
use cultivar_record::{Acceptance, Ambient, BudgetPeriod, Incident, Provider, ProviderKind, Verdict};
use cultivar_store::{Blobs, DataDir, Journal, Packs, Store, tables};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    Durability, GatewayError, KeyHasher, LocalModel, Observer, Tasks,
    directory::Directory,
    offer::Offers,
    permit::Asked,
    providers::{
        ProviderClient, anthropic::Anthropic, azure_openai::AzureOpenAi, gemini::Gemini, http::HttpClient,
        local::Local, openai::OpenAi,
    },
    publisher::Publisher,
    signed::Signed,
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
    /// What is known of markets.
    pub markets: Markets,
    /// What each market wants to see before a model of our own is offered in it.
    pub checklists: Checklists,
    /// Hashes API keys.
    pub hasher: KeyHasher,
    /// Signs tree heads and pedigrees.
    pub signer: cultivar_ledger::LogSigner,
    /// Reads an environment variable: provider keys are never stored.
    pub variable: Variables,
    /// Keys the surrogates of desensitisation.
    pub surrogates: [u8; 32],
    /// When an answer may be released.
    pub durability: Durability,
    /// Whoever counts or traces attempts.
    pub observers: Vec<Arc<dyn Observer>>,
}

/// The gateway of a data directory.
pub struct Gateway {
    pub(crate) store: Arc<Store>,
    pub(crate) journal: Journal,
    pub(crate) blobs: Blobs,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) register: Register,
    pub(crate) permits: Permits,
    pub(crate) markets: Markets,
    pub(crate) hasher: KeyHasher,
    pub(crate) publisher: Publisher,
    pub(crate) tasks: Tasks,
    pub(crate) directory: Directory,
    pub(crate) offers: Offers,
    pub(crate) acceptances: RwLock<Vec<Acceptance>>,
    /// What people signed, as it stands.
    pub(crate) signed: RwLock<Arc<Signed>>,
    /// Held while it is looked at anew.
    pub(crate) refreshing: std::sync::Mutex<()>,
    /// Held while something that people sign, or who they are, is read and then written.
    pub(crate) people: Mutex<()>,
    pub(crate) checklists: Checklists,
    /// The open ones.
    pub(crate) incidents: RwLock<Vec<Incident>>,
    pub(crate) verdicts: RwLock<HashMap<Asked, Arc<Verdict>>>,
    /// Held while something is decided for the first time.
    pub(crate) deciding: Mutex<()>,
    pub(crate) limits: Limits,
    /// Whose spending the limits know, and of which period.
    pub(crate) restored: std::sync::Mutex<HashMap<HolderId, BudgetPeriod>>,
    pub(crate) health: HealthBoard,
    pub(crate) retries: RetryBudget,
    pub(crate) desensitiser: Desensitiser,
    pub(crate) durability: Durability,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    /// Held by every attempt under way.
    pub(crate) open_calls: Arc<()>,
    /// Held by every answer that leaves as events.
    pub(crate) open_streams: Arc<()>,
    /// Whether the process is about to end.
    pub(crate) is_stopping: AtomicBool,
    /// Sends alerts.
    pub(crate) alerts: Arc<HttpClient>,
    /// Models of our own, by their name at the provider.
    locals: RwLock<HashMap<String, Arc<dyn LocalModel>>>,
    /// Where the embedded teacher listens, once it does.
    teacher: RwLock<Option<String>>,
    variable: Variables,
}

impl Gateway {
    /// Opens the door: settles and closes what a killed process left open, publishes what it left unpublished.
    ///
    /// # Errors
    /// What the store, the ledger or the register say.
    pub fn open(parts: Parts) -> Result<Arc<Self>, GatewayError> {
        let packs = Arc::new(Packs::new(&parts.dir));
        let journal = Journal::open(Arc::clone(&parts.store), &parts.dir, Arc::clone(&packs))?;
        let incidents = parts.store.read(tables::incident::list)?;
        let gateway = Self {
            journal,
            blobs: Blobs::with_packs(&parts.dir, packs),
            publisher: Publisher::new(Arc::clone(&parts.store), parts.dir, parts.signer)?,
            directory: Directory::read(&parts.store)?,
            offers: Offers::default(),
            acceptances: RwLock::new(parts.store.read(tables::acceptance::list)?),
            signed: RwLock::default(),
            refreshing: std::sync::Mutex::default(),
            people: Mutex::default(),
            checklists: parts.checklists,
            incidents: RwLock::new(incidents.into_iter().filter(|i| i.closed_at.is_none()).collect()),
            health: HealthBoard::new(parts.ambient.seed()),
            limits: Limits::new(),
            restored: std::sync::Mutex::default(),
            retries: RetryBudget::new(),
            desensitiser: Desensitiser::new(parts.surrogates),
            durability: parts.durability,
            observers: parts.observers,
            open_calls: Arc::default(),
            open_streams: Arc::default(),
            is_stopping: AtomicBool::new(false),
            alerts: Arc::default(),
            store: parts.store,
            ambient: parts.ambient,
            register: parts.register,
            permits: parts.permits,
            markets: parts.markets,
            hasher: parts.hasher,
            tasks: Tasks::default(),
            verdicts: RwLock::default(),
            deciding: Mutex::default(),
            locals: RwLock::default(),
            teacher: RwLock::default(),
            variable: parts.variable,
        };
        gateway.refresh_offers(gateway.store.read(tables::provider::list)?)?;
        gateway.close_open_exchanges()?;
        gateway.restore_spend()?;
        gateway.publish()?;
        Ok(Arc::new(gateway))
    }

    /// The records behind the door, with everything that was answered so far. Waits for the disk where something is not there
    /// yet.
    pub fn store(&self) -> &Arc<Store> {
        self.journal.settle();
        &self.store
    }

    /// The bodies behind the door.
    pub fn blobs(&self) -> &Blobs {
        self.journal.settle();
        &self.blobs
    }

    /// The journal of calls.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The data directory.
    pub const fn dir(&self) -> &DataDir {
        &self.publisher.dir
    }

    /// What is known of markets.
    pub const fn markets(&self) -> &Markets {
        &self.markets
    }

    /// What markets ask for.
    pub const fn checklists(&self) -> &Checklists {
        &self.checklists
    }

    /// The policies in force.
    pub const fn permits(&self) -> &Permits {
        &self.permits
    }

    /// Held by an act on something that people sign, from its reading to its writing.
    pub async fn people(&self) -> MutexGuard<'_, ()> {
        self.people.lock().await
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

    /// Joins a model of our own to the provider of kind `local` that serves it. One that was joined before is replaced.
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

    /// The model of our own behind an offer.
    ///
    /// # Errors
    /// `unsupported` where the model is none of ours; `model_not_found` where it is not joined.
    pub fn local(&self, provider: &Provider) -> Result<Arc<dyn LocalModel>, GatewayError> {
        if provider.kind != ProviderKind::Local {
            return Err(GatewayError::Unsupported {
                model: provider.model.clone(),
                what: "asked for its tokens",
            });
        }
        let locals = self.locals.read().unwrap_or_else(PoisonError::into_inner);
        let model = locals.get(&provider.provider_model).cloned();
        model.ok_or_else(|| GatewayError::UnknownModel {
            model: provider.model.clone(),
        })
    }

    /// Makes the client that speaks to a provider.
    pub(crate) fn make_client(&self, provider: &Provider) -> Result<Arc<dyn ProviderClient>, GatewayError> {
        let (name, url) = (provider.name.clone(), provider.base_url.as_deref());
        let model = provider.provider_model.clone();
        Ok(match provider.kind {
            ProviderKind::Openai => {
                let key = self.key_of(provider)?;
                Arc::new(OpenAi::new(name, url.unwrap_or_default(), key.as_deref()))
            }
            ProviderKind::AzureOpenai => {
                let key = self.key_of(provider)?;
                Arc::new(AzureOpenAi::new(name, url.unwrap_or_default(), model, key.as_deref())?)
            }
            ProviderKind::Anthropic => {
                let key = self.key_of(provider)?;
                Arc::new(Anthropic::new(name, url, model, key.as_deref()))
            }
            ProviderKind::Gemini => {
                let key = self.key_of(provider)?;
                Arc::new(Gemini::new(name, url, key.as_deref()))
            }
            ProviderKind::Recorded => {
                let teacher = self.teacher.read().unwrap_or_else(PoisonError::into_inner).clone();
                let url = teacher.ok_or_else(|| GatewayError::Unreachable {
                    provider: name.clone(),
                    reason: "the embedded teacher is not running in this process".to_owned(),
                })?;
                Arc::new(OpenAi::new(name, &url, None))
            }
            ProviderKind::Local => Arc::new(Local::new(provider.model.clone(), self.local(provider)?)),
        })
    }

    fn key_of(&self, provider: &Provider) -> Result<Option<String>, GatewayError> {
        let Some(variable) = &provider.key_variable else {
            return Ok(None);
        };
        let key = (self.variable)(variable).filter(|key| !key.is_empty());
        key.map(Some).ok_or_else(|| GatewayError::MissingKey {
            provider: provider.name.clone(),
            variable: variable.clone(),
        })
    }
}
