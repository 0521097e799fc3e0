//! What can be said on the command line: nouns, then verbs; the everyday verbs stand alone. It does not know what a command does.

mod approval;
mod evidence;
mod exchange;
mod grant;
mod incident;
mod key;
mod limit;
mod organization;
mod policy;
mod provider;
mod route;
mod terms;
mod usage;
mod witness;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cultivar_record::{LeafIndex, Market};

pub use approval::{ApprovalCommand, ApprovalRequestArgs};
pub use evidence::{EvidenceCommand, EvidenceOf, EvidencePageArgs};
pub use exchange::{EraseArgs, ExchangeCommand, ReconcileArgs};
pub use grant::{GrantCommand, GrantDraftArgs};
pub use incident::IncidentCommand;
pub use key::{KeyCommand, KeyCreateArgs};
pub use limit::LimitArgs;
pub use organization::{
    MemberCommand, OrganizationChangeArgs, OrganizationCommand, ProjectCommand, ProjectSettings, StandingArgs,
};
pub use policy::{About, CheckArgs, ExplainArgs, PolicyCommand, TestArgs};
pub use provider::{ProviderAddArgs, ProviderCommand};
pub use route::RouteCommand;
pub use terms::{AcceptArgs, TermsCommand};
pub use usage::UsageArgs;
pub use witness::WitnessArgs;

/// Develop a chatbot from a model API that you are licensed to use, and prove that you kept to the licence.
#[derive(Debug, Parser)]
#[command(name = "cultivar", version, max_term_width = 100)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Global options.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Configuration file [default: `cultivar.toml` where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where everything lies [default: ./cultivar-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Say only results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Say more
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole main job on shipped data, no account needed; then stays up to chat with
    Demo(DemoArgs),
    /// Make a data directory with an organisation, keys and a ledger
    Init(InitArgs),
    /// Serve the model API and the pages
    Serve(ServeArgs),
    /// Build a model from a recipe
    Build(BuildArgs),
    /// Talk to a model in the terminal
    Chat(ChatArgs),
    /// Check everything in the data directory
    Doctor,
    /// Who serves models
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Organisations: who is served, from which market, how much
    #[command(subcommand)]
    Org(OrganizationCommand),
    /// Projects of an organisation
    #[command(subcommand)]
    Project(ProjectCommand),
    /// People of an organisation
    #[command(subcommand)]
    Member(MemberCommand),
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// The terms register
    #[command(subcommand)]
    Terms(TermsCommand),
    /// The rules in force: check, test and explain them
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Approvals of models in markets, signed by people
    #[command(subcommand)]
    Approval(ApprovalCommand),
    /// What a market asks for before a model is offered in it
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Contracts that waive facts of terms, signed by people
    #[command(subcommand)]
    Grant(GrantCommand),
    /// What providers said about your account with them
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Who is asked for a model, and why not the others
    #[command(subcommand)]
    Route(RouteCommand),
    /// What was used: requests, tokens, money
    Usage(UsageArgs),
    /// Recorded calls: metadata and digests, no text
    #[command(subcommand)]
    Exchange(ExchangeCommand),
    /// Sealed datasets
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Models of your own
    #[command(subcommand)]
    Model(ModelCommand),
    /// The tamper-evident ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Watch somebody's ledger: keep its newest tree head, and cosign only what continues it
    Witness(WitnessArgs),
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after the job instead of serving
    #[arg(long)]
    pub exit: bool,
    /// Seconds of training
    #[arg(long, value_name = "SECONDS")]
    pub train_seconds: Option<f64>,
    /// Use only so many of the shipped dialogues
    #[arg(long, value_name = "N")]
    pub dialogues: Option<usize>,
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen: String,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The organisation's name
    #[arg(long, default_value = "my-organisation")]
    pub name: String,
    /// The market from which it asks: an ISO 3166 code or a group such as EU
    #[arg(long, default_value = "US")]
    pub market: Market,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen [default: 127.0.0.1:7411]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The model that the chat page talks to [default: the newest of your own]
    #[arg(long)]
    pub model: Option<String>,
}

/// `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The recipe
    pub recipe: PathBuf,
}

/// `chat`.
#[derive(Debug, Args)]
pub struct ChatArgs {
    /// The model [default: the newest of your own]
    #[arg(long)]
    pub model: Option<String>,
    /// Ask this and end
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
}

/// `dataset`.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// List the sealed datasets
    List,
    /// Show one
    Show {
        /// Its name, or `name@version`
        name: String,
    },
    /// Check one against its digests
    Verify {
        /// Its name, or `name@version`
        name: String,
    },
}

/// `model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// List the published models
    List,
    /// Show one
    Show {
        /// Its name, or `name@version`
        name: String,
    },
    /// Check every paper beside its weights, offline
    Verify(ModelVerifyArgs),
    /// Draw what it descends from, as a tree
    Pedigree {
        /// Its name, or `name@version`
        name: String,
        /// Draw it into this file instead, as SVG
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Withdraw it: it is served no more
    Retire {
        /// Its name, or `name@version`
        name: String,
    },
}

/// `model verify`.
#[derive(Debug, Args)]
pub struct ModelVerifyArgs {
    /// Its name, or `name@version`
    #[arg(required_unless_present = "folder")]
    pub name: Option<String>,
    /// Check this folder, which somebody handed out; needs no data directory
    #[arg(long, value_name = "PATH", conflicts_with = "name", requires_all = ["ledger_key", "model_key"])]
    pub folder: Option<PathBuf>,
    /// The file with the ledger's verifier key, `log.vkey` [default: the data directory's]
    #[arg(long, value_name = "FILE")]
    pub ledger_key: Option<PathBuf>,
    /// The file with the public key that signs models, PEM [default: the data directory's]
    #[arg(long, value_name = "FILE")]
    pub model_key: Option<PathBuf>,
}

/// `ledger`.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Print the signed tree head
    Head,
    /// Print a proof that an entry is in the ledger (C2SP tlog-proof)
    Prove {
        /// The entry's place
        #[arg(value_parser = leaf)]
        index: LeafIndex,
    },
    /// Verify everything from the files alone
    Verify {
        /// The key of a witness that must have cosigned the tree head, or the file that holds it; may be given several times
        #[arg(long = "witness", value_name = "KEY|FILE")]
        witnesses: Vec<String>,
    },
    /// Verify, and compare with the database
    Fsck,
}

fn leaf(text: &str) -> Result<LeafIndex, String> {
    text.parse()
        .map(LeafIndex)
        .map_err(|_| "write a whole number, from 0".to_owned())
}
