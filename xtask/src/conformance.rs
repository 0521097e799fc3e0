//! `cargo xtask conformance NAME`: foreign clients and verifiers against `cultivar`. One suite, one file, one shape.
//!
//! A suite asks programs that we did not write whether ours keeps to a standard. What could not be installed is said and never
//! counted as passed.

mod gateway;
pub(crate) mod peers;
mod policy;
pub(crate) mod program;
mod provenance;
mod report;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ValueEnum;

use self::report::Outcome;
use crate::Failure;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which suite to run
    suite: Suite,

    /// A data directory that `cultivar demo --exit` made; where none is given, one is made
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// A `cultivar` to be tried; where none is given, one is built in release
    #[arg(long, value_name = "FILE")]
    cultivar: Option<PathBuf>,

    /// Of the suite `gateway`, only these clients, separated by commas [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CLIENTS")]
    clients: Vec<gateway::Client>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Suite {
    /// Foreign clients of the model API, and Schemathesis, against `cultivar serve`
    Gateway,
    /// Cedar's symbolic compiler and the solver cvc5 against the policies, the shipped packs, and loosened rules
    Policy,
    /// Foreign verifiers of transparency logs and signatures against the ledger
    Provenance,
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Policy => "policy",
            Self::Provenance => "provenance",
        }
    }

    fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self {
            Self::Gateway => gateway::run(context),
            Self::Policy => policy::run(context),
            Self::Provenance => provenance::run(context),
        }
    }
}

/// What every suite is given.
struct Context<'a> {
    /// The root of the repository.
    root: &'a Path,
    /// Cargo's target folder.
    target: PathBuf,
    /// The folder of the suites' foreign programs: `xtask/conformance`.
    suites: PathBuf,
    /// Where peers are installed: `target/peers`.
    peers: PathBuf,
    /// What `cultivar demo` left; the suite `policy` reads no data.
    data_dir: PathBuf,
    /// The program to be tried; none where it is to be built.
    cultivar: Option<&'a Path>,
    /// The clients of the suite `gateway` that are run; none means all.
    clients: &'a [gateway::Client],
}

/// Runs a suite; writes `target/conformance/NAME.json` and the same as a table.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let target = target(root);
    let data_dir = match &arguments.data_dir {
        Some(given) => given.clone(),
        None if matches!(arguments.suite, Suite::Policy) => PathBuf::new(),
        None => program::demo(
            &program::given_or_built(arguments.cultivar.as_deref(), root, &target)?,
            &target,
        )?,
    };
    let context = Context {
        root,
        suites: root.join("xtask/conformance"),
        peers: target.join("peers"),
        target,
        data_dir,
        cultivar: arguments.cultivar.as_deref(),
        clients: &arguments.clients,
    };
    let outcome = arguments.suite.run(&context)?;
    outcome.write(root, arguments.suite.name())?;
    outcome
        .print(&mut io::stdout().lock(), arguments.suite.name())
        .map_err(Failure::at("stdout"))?;
    let complete = outcome.missing.is_empty() || !in_ci();
    Ok(if complete && outcome.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Says on stderr what happens, before it takes long.
fn say(what: &str) -> Result<(), Failure> {
    writeln!(io::stderr().lock(), "conformance: {what}").map_err(Failure::at("stderr"))
}

/// Cargo's target folder.
#[expect(clippy::disallowed_methods, reason = "the workshop follows cargo's own variable")]
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target))
}

/// Whether this runs where a missing peer is a failure.
#[expect(clippy::disallowed_methods, reason = "how continuous integration makes itself known")]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
