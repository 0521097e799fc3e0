//! An opened data directory: the parts, put together.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use cultivar_attest::Checklists;
use cultivar_gateway::{Caller, Gateway, Observer, Parts};
use cultivar_ledger::LedgerError;
use cultivar_papers::ModelSigner;
use cultivar_pipeline::{Callers, Context, Interrupt, Progress, join_published};
use cultivar_policy::{Markets, Permits, PolicyText, Register, Settings};
use cultivar_record::{Market, Organization, Purpose};
use cultivar_store::{DataDir, DataLock, Sqlite, Store, files, tables};
use cultivar_telemetry::Telemetry;
use cultivar_witness::Asked;
use tokio::runtime::Runtime;

use crate::{
    config::{Config, ConfiguredLedger},
    failure::{CliError, Failure},
    ledger_check,
    secrets::{OwnKeys, Secrets},
    system::{self, System},
    telemetry,
};

/// The organisation of a data directory that nobody named.
pub(crate) const DEFAULT_ORGANIZATION: &str = "my-organisation";

/// A data directory that this process alone has.
pub(crate) struct Opened {
    /// The one door.
    pub gateway: Arc<Gateway>,
    /// What is counted of it.
    pub telemetry: Arc<Telemetry>,
    /// The directory.
    pub dir: DataDir,
    /// Keys the surrogates of desensitisation.
    pub surrogates: [u8; 32],
    /// Signs models.
    pub model_signer: Arc<ModelSigner>,
    /// Who cosigns the ledger's tree heads.
    pub witnesses: Vec<Asked>,
    _lock: DataLock,
}

impl Opened {
    /// Makes the directory where it is missing, and opens it.
    pub(crate) fn create(config: &Config) -> Result<Self, Failure> {
        let dir = DataDir::create(config.data_dir())?;
        let lock = DataLock::take(&dir)?;
        Self::with_lock(config, dir, lock)
    }

    /// Opens an existing directory.
    ///
    /// # Errors
    /// `store::no_data`, `store::locked`.
    pub(crate) fn existing(config: &Config) -> Result<Self, Failure> {
        DataDir::open(config.data_dir())?;
        Self::create(config)
    }

    fn with_lock(config: &Config, dir: DataDir, lock: DataLock) -> Result<Self, Failure> {
        let telemetry = telemetry::open(&config.telemetry)?;
        let witnesses = witnesses(&config.ledger)?;
        let secrets = Secrets::open(&dir, &System)?;
        if !config.trust_clock {
            ledger_check::clock_is_ahead(&dir, &secrets.signer.verifier_key(), &System)?;
        }
        let store = Arc::new(Store::open(Arc::new(Sqlite::new(dir.database())))?);
        let parts = Parts {
            store,
            dir: dir.clone(),
            ambient: Arc::new(System),
            register: register(config.terms.as_deref())?,
            permits: Packs::read(&config.policy.packs, &[])?.permits(Settings::default())?,
            markets: markets(config.markets.as_deref())?,
            checklists: checklists(config.evidence.as_deref())?,
            hasher: secrets.hasher,
            signer: secrets.signer,
            variable: Arc::new(system::variable),
            surrogates: secrets.surrogates,
            durability: config.durability.into(),
            observers: vec![Arc::clone(&telemetry) as Arc<dyn Observer>],
        };
        // Finishes what a killed process left unfinished, and waits for the disk meanwhile.
        let gateway = Gateway::open(parts)?;
        Ok(Self {
            gateway,
            telemetry,
            dir,
            surrogates: secrets.surrogates,
            model_signer: Arc::new(secrets.model_signer),
            witnesses,
            _lock: lock,
        })
    }

    /// The organisation, made where there is none yet.
    pub(crate) async fn organization(&self, name: &str, market: &str) -> Result<Organization, Failure> {
        let known = self.gateway.store().read(tables::organization::list)?;
        match known.into_iter().next() {
            Some(organization) => Ok(organization),
            None => Ok(self
                .gateway
                .create_organization(name, market.parse::<Market>()?)
                .await?),
        }
    }

    /// The caller of this program itself for a purpose; its key is made where it is missing.
    pub(crate) async fn own_caller(&self, organization: &Organization, purpose: Purpose) -> Result<Caller, Failure> {
        Ok(self.gateway.authenticate(&self.own_key(organization, purpose).await?)?)
    }

    /// The key of this program itself for a purpose, made where it is missing. Who has the directory runs its door: a key to
    /// administer that is no longer served is replaced.
    pub(crate) async fn own_key(&self, organization: &Organization, purpose: Purpose) -> Result<String, Failure> {
        if let Some(key) = OwnKeys::read(&self.dir)?.remove(purpose.as_str())
            && (purpose != Purpose::Administer || self.gateway.authenticate(&key).is_ok())
        {
            return Ok(key);
        }
        let name = format!("own-{purpose}");
        let (_, key) = self.gateway.issue_key(organization, &name, purpose).await?;
        OwnKeys::keep(&self.dir, purpose, &key)?;
        Ok(key)
    }

    /// What the pages of the job work with.
    pub(crate) async fn context(&self, progress: Arc<dyn Progress>, interrupt: Interrupt) -> Result<Context, Failure> {
        let organization = self.organization(DEFAULT_ORGANIZATION, "US").await?;
        Ok(Context {
            gateway: Arc::clone(&self.gateway),
            dir: self.dir.clone(),
            callers: Callers {
                collect: self.own_caller(&organization, Purpose::Collect).await?,
                evaluate: self.own_caller(&organization, Purpose::Evaluate).await?,
            },
            organization,
            surrogate_key: self.surrogates,
            model_signer: Arc::clone(&self.model_signer),
            code: format!("cultivar {}", env!("CARGO_PKG_VERSION")),
            progress,
            interrupt,
        })
    }

    /// Joins the published models; those that cannot be opened are returned.
    pub(crate) fn join_models(&self) -> Result<Vec<cultivar_pipeline::PipelineError>, Failure> {
        Ok(join_published(&self.gateway, &self.dir)?)
    }

    /// Waits for what is under way, publishes the last entries and tells the collector the rest.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        self.gateway.tasks().drain().await;
        let gateway = Arc::clone(&self.gateway);
        let published = tokio::task::spawn_blocking(move || gateway.publish()).await;
        self.telemetry.close().await;
        published.map_err(|e| CliError::Runtime { reason: e.to_string() })??;
        Ok(())
    }
}

/// The shipped rows of terms, and one's own.
pub(crate) fn register(own: Option<&Path>) -> Result<Register, Failure> {
    let shipped = Register::shipped()?;
    match own {
        None => Ok(shipped),
        Some(path) => Ok(shipped.layered(Register::parse(&files::read_text(path)?)?)?),
    }
}

/// The shipped markets, and one's own over them.
pub(crate) fn markets(own: Option<&Path>) -> Result<Markets, Failure> {
    let shipped = Markets::shipped()?;
    match own {
        None => Ok(shipped),
        Some(path) => Ok(shipped.layered(Markets::parse(&files::read_text(path)?)?)),
    }
}

/// The witnesses that are asked.
fn witnesses(configured: &ConfiguredLedger) -> Result<Vec<Asked>, Failure> {
    let asked = configured.witnesses.iter().map(|witness| {
        let wrong = |reason: String| CliError::Argument {
            reason: format!("the witness `{}` in the configuration: {reason}", witness.url),
        };
        let key = witness.key.parse().map_err(|e: LedgerError| wrong(e.to_string()))?;
        Ok(Asked::new(key, &witness.url).map_err(|e| wrong(e.to_string()))?)
    });
    asked.collect()
}

/// The shipped checklists of evidence, and one's own over them.
fn checklists(own: Option<&Path>) -> Result<Checklists, Failure> {
    let shipped = Checklists::shipped()?;
    match own {
        None => Ok(shipped),
        Some(path) => Ok(shipped.layered(Checklists::parse(&files::read_text(path)?)?)),
    }
}

/// The packs of an organisation: Cedar files that tighten the shipped policies.
pub(crate) struct Packs(Vec<(String, String)>);

impl Packs {
    /// Reads the configured packs and others.
    pub(crate) fn read(configured: &[PathBuf], others: &[PathBuf]) -> Result<Self, Failure> {
        let paths = configured.iter().chain(others);
        let read = paths.map(|path| Ok((path.display().to_string(), files::read_text(path)?)));
        Ok(Self(read.collect::<Result<_, Failure>>()?))
    }

    /// Their names.
    pub(crate) fn files(&self) -> Vec<&str> {
        self.0.iter().map(|(file, _)| file.as_str()).collect()
    }

    /// Their texts.
    pub(crate) fn texts(&self) -> Vec<PolicyText<'_>> {
        self.0.iter().map(|(file, text)| PolicyText { file, text }).collect()
    }

    /// The policies in force with them.
    ///
    /// # Errors
    /// `policy::pack_loosens`, `policy::policy_refused`, `policy::policy_duplicate`.
    pub(crate) fn permits(&self, settings: Settings) -> Result<Permits, Failure> {
        Ok(Permits::tightened(settings, &self.texts())?)
    }
}

/// The records of a data directory, for looking only: works while a server has the directory.
pub(crate) fn look(config: &Config) -> Result<(DataDir, Store), Failure> {
    let dir = DataDir::open(config.data_dir())?;
    let store = Store::open_to_read(Arc::new(Sqlite::read_only(dir.database())))?;
    Ok((dir, store))
}

/// The runtime of everything that waits.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| CliError::Runtime { reason: e.to_string() }.into())
}
