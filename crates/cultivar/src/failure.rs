//! Failures and exit codes: expected failures and bugs are different things.

use std::fmt::Display;

use cultivar_attest::AttestError;
use cultivar_gateway::GatewayError;
use cultivar_governance::GovernanceError;
use cultivar_ledger::LedgerError;
use cultivar_limits::reconcile::ReconcileError;
use cultivar_papers::PapersError;
use cultivar_pipeline::PipelineError;
use cultivar_policy::PolicyError;
use cultivar_record::{RecordError, Timestamp};
use cultivar_store::StoreError;
use cultivar_telemetry::TelemetryError;
use cultivar_witness::WitnessError;
use miette::Diagnostic;
use thiserror::Error;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The command line, the configuration or the recipe is wrong.
    Usage = 2,
    /// An expected failure: something outside is not as it must be.
    Expected = 3,
    /// Policy forbids it.
    Forbidden = 4,
    /// Something is not what its digest or signature says.
    Verification = 5,
}

/// An error with the exit code that it leads to.
pub(crate) struct Failure {
    /// What is told.
    pub diagnostic: Box<dyn Diagnostic + Send + Sync>,
    /// How the program ends.
    pub exit: Exit,
}

impl Failure {
    /// A failure of verification, whatever the error.
    pub(crate) fn verification(error: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self {
            diagnostic: Box::new(error),
            exit: Exit::Verification,
        }
    }
}

/// What only the binary can find wrong.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum CliError {
    /// The configuration file cannot be used.
    #[error("the configuration `{path}` cannot be read: {reason}")]
    #[diagnostic(
        code("config::unreadable"),
        help(
            "known keys: `data_dir`, `listen`, `terms`, `markets`, `evidence`, `durability`, `trust_clock`, `[policy]`, `[ledger]`, `[telemetry]`; or leave the file out"
        )
    )]
    Config {
        /// The file.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`: {reason}")]
    #[diagnostic(
        code("serve::address"),
        help("stop the program that uses the port, or choose another: `--listen 127.0.0.1:0` takes any free one")
    )]
    Address {
        /// The address.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// The server stopped by itself.
    #[error("the server stopped: {reason}")]
    #[diagnostic(code("serve::stopped"), help("start it again; nothing answered is lost"))]
    Server {
        /// The system's words.
        reason: String,
    },
    /// A secret cannot be read.
    #[error("the secret `{path}` is damaged")]
    #[diagnostic(
        code("secrets::damaged"),
        help("restore `secrets/` from a backup: a new ledger key would begin a new ledger")
    )]
    Secret {
        /// The file.
        path: String,
    },
    /// The name of an argument's value is not known.
    #[error("there is no {what} `{name}`")]
    #[diagnostic(
        code("cli::not_found"),
        help("list what there is with the noun's `list`, for instance `cultivar model list`")
    )]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// An erasure was broken off.
    #[error("the erasure `{erasure}` was begun and is not finished")]
    #[diagnostic(
        code("erasure::unfinished"),
        help("run the same `cultivar exchange erase` again: it finishes what was broken off first")
    )]
    Unfinished {
        /// Its id.
        erasure: String,
    },
    /// A check found something.
    #[error("{count} check(s) failed")]
    #[diagnostic(code("doctor::failed"), help("each failed check above says what to do"))]
    Unwell {
        /// How many.
        count: usize,
    },
    /// Literate cases are not decided as they say.
    #[error("{count} case(s) are not decided as they say")]
    #[diagnostic(
        code("policy::cases_failed"),
        help("each failed case above says what differs: change the rule, or what the case expects")
    )]
    CasesFailed {
        /// How many.
        count: usize,
    },
    /// A process was killed before it published anything.
    #[error("the ledger of `{path}` has no tree head yet")]
    #[diagnostic(
        code("ledger::no_tree_head"),
        help("run the command that was interrupted again: it publishes every entry that is durable")
    )]
    NoTreeHead {
        /// The data directory.
        path: String,
    },
    /// The ledger's files and the database tell different histories.
    #[error("the ledger's files hold {files} entries, but the database knows of {database}")]
    #[diagnostic(
        code("ledger::rolled_back"),
        help("one of the two was replaced by an older copy: restore both from the same backup")
    )]
    RolledBack {
        /// Entries in the files.
        files: u64,
        /// Entries that the database names.
        database: u64,
    },
    /// The ledger's secret key is gone.
    #[error("the ledger was begun, and its secret key `{path}` is not there")]
    #[diagnostic(
        code("ledger::key_lost"),
        help(
            "restore `secrets/` from a backup. Without the key nothing can be added: what the ledger proves stays provable by its files and `log.vkey`, and a new ledger begins in another data directory"
        )
    )]
    LedgerKeyLost {
        /// The file.
        path: String,
    },
    /// The secret key is another one.
    #[error("`secrets/ledger.key` is the key `{key}`, and another one signed this ledger's tree head")]
    #[diagnostic(
        code("ledger::key_other"),
        help("key and ledger are of different data directories: restore both from the same backup")
    )]
    LedgerKeyOther {
        /// The name of the key that is there.
        key: String,
    },
    /// The clock is behind what is recorded.
    #[error("the clock says {now}, but the newest entry of the ledger is of {newest}")]
    #[diagnostic(
        code("cli::clock_behind"),
        help(
            "set the clock right. Where it was ahead once and is right now, write `trust_clock = true` into `cultivar.toml`: the entries made until then stay as they are"
        )
    )]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// When the newest entry was made.
        newest: Timestamp,
    },
    /// Bodies of exchanges are damaged or gone.
    #[error("{count} bodies are damaged or gone; {first}")]
    #[diagnostic(code("doctor::bodies"), help("restore `blobs/` from a backup"))]
    Bodies {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// The record and a provider's usage report differ without a reason.
    #[error("{count} difference(s) between the record and the report have no reason")]
    #[diagnostic(
        code("reconcile::unexplained"),
        help("what was billed and not recorded went past this gateway: find who else has the provider's key")
    )]
    Unexplained {
        /// How many.
        count: usize,
    },
    /// An argument is missing or does not fit the others.
    #[error("{reason}")]
    #[diagnostic(code("cli::argument"), help("see the command's `--help`"))]
    Argument {
        /// What is wrong.
        reason: String,
    },
    /// No model of one's own is there to talk to.
    #[error("no model has been built here yet")]
    #[diagnostic(
        code("cli::no_model"),
        help("run `cultivar demo` or `cultivar build recipe.toml`, or name a provider's model with `--model`")
    )]
    NoModel,
    /// The admin API's answer is not one.
    #[error("the server's answer cannot be read: {reason}")]
    #[diagnostic(
        code("cli::answer"),
        help("check that the server and this command are the same version of `cultivar`")
    )]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// The runtime cannot start.
    #[error("the program cannot start: {reason}")]
    #[diagnostic(
        code("cli::runtime"),
        help("check the limits on threads and open files of this user")
    )]
    Runtime {
        /// The system's words.
        reason: String,
    },
}

/// A refusal of the admin API, in its words.
#[derive(Debug, Error)]
#[error("{message}")]
pub(crate) struct RefusedByDoor {
    status: u16,
    code: String,
    message: String,
    help: Option<String>,
}

impl RefusedByDoor {
    /// The refusal in the body of an answer. The advice follows the message after a semicolon.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| Some(body.get("error")?.get(name)?.as_str()?.to_owned());
        let told = text("message").unwrap_or_else(|| format!("the server answered {status}"));
        let (message, help) = match told.split_once("; ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (told, None),
        };
        Self {
            status,
            code: text("code").unwrap_or_else(|| "cli::answer".to_owned()),
            message,
            help,
        }
    }
}

impl Diagnostic for RefusedByDoor {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }
}

impl From<RefusedByDoor> for Failure {
    fn from(refused: RefusedByDoor) -> Self {
        let exit = match refused.status {
            400 => Exit::Usage,
            403 => Exit::Forbidden,
            _ => Exit::Expected,
        };
        Self {
            diagnostic: Box::new(refused),
            exit,
        }
    }
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        let exit = match error {
            CliError::Config { .. } | CliError::Argument { .. } => Exit::Usage,
            CliError::Unwell { .. } => Exit::Verification,
            _ => Exit::Expected,
        };
        Self {
            diagnostic: Box::new(error),
            exit,
        }
    }
}

fn pipeline_exit(error: &PipelineError) -> Exit {
    match error {
        PipelineError::Recipe { .. } => Exit::Usage,
        PipelineError::NothingPermitted { .. } | PipelineError::Gateway(GatewayError::Forbidden { .. }) => {
            Exit::Forbidden
        }
        PipelineError::DamagedDataset { .. }
        | PipelineError::DamagedModel { .. }
        | PipelineError::Papers(_)
        | PipelineError::CorruptCheckpoint { .. }
        | PipelineError::LostWeights { .. }
        | PipelineError::Ledger(_)
        | PipelineError::Gateway(GatewayError::Ledger(_)) => Exit::Verification,
        _ => Exit::Expected,
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        let exit = pipeline_exit(&error);
        Self {
            diagnostic: Box::new(error),
            exit,
        }
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self {
            diagnostic: Box::new(error),
            exit: Exit::Usage,
        }
    }
}

impl From<ReconcileError> for Failure {
    fn from(error: ReconcileError) -> Self {
        Self {
            diagnostic: Box::new(error),
            exit: Exit::Usage,
        }
    }
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        PipelineError::from(error).into()
    }
}

impl From<PapersError> for Failure {
    fn from(error: PapersError) -> Self {
        Self {
            diagnostic: Box::new(error),
            exit: Exit::Verification,
        }
    }
}

impl From<GovernanceError> for Failure {
    fn from(error: GovernanceError) -> Self {
        match error {
            GovernanceError::Gateway(error) => error.into(),
            error => Self {
                diagnostic: Box::new(error),
                exit: Exit::Forbidden,
            },
        }
    }
}

impl From<WitnessError> for Failure {
    fn from(error: WitnessError) -> Self {
        match error {
            WitnessError::Ledger(error) => error.into(),
            WitnessError::Store(error) => error.into(),
            WitnessError::Gateway(error) => error.into(),
            error => Self {
                diagnostic: Box::new(error),
                exit: Exit::Verification,
            },
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let exit = if matches!(error, LedgerError::OutOfRange { .. }) {
            Exit::Expected
        } else {
            Exit::Verification
        };
        Self {
            diagnostic: Box::new(error),
            exit,
        }
    }
}

macro_rules! expected {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { diagnostic: Box::new(error), exit: Exit::Expected }
            }
        }
    )*};
}

expected!(StoreError, PolicyError, RecordError, AttestError);
