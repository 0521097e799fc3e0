//! The command line: nouns, then verbs; the everyday verbs stand alone.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cultivar_record::{ApiKeyId, LeafIndex, Market, MicroUsd, ProviderKind, Purpose, TermsKey};

/// Develop a chatbot from a model API that you are licensed to use, and prove that you kept to the licence.
#[derive(Debug, Parser)]
#[command(name = "cultivar", version, max_term_width = 100)]
pub(crate) struct Cli {
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
pub(crate) struct Global {
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
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// The terms register
    #[command(subcommand)]
    Terms(TermsCommand),
    /// Sealed datasets
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Models of your own
    #[command(subcommand)]
    Model(ModelCommand),
    /// The tamper-evident ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
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
pub(crate) struct InitArgs {
    /// The organisation's name
    #[arg(long, default_value = "my-organisation")]
    pub name: String,
    /// The market from which it asks: an ISO 3166 code or a group such as EU
    #[arg(long, default_value = "US")]
    pub market: Market,
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen [default: 127.0.0.1:7411]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The model that the chat page talks to [default: the newest of your own]
    #[arg(long)]
    pub model: Option<String>,
}

/// `build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The recipe
    pub recipe: PathBuf,
}

/// `chat`.
#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// The model [default: the newest of your own]
    #[arg(long)]
    pub model: Option<String>,
    /// Ask this and end
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
}

/// `provider`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// Register a provider, or bring one up to date
    Add(ProviderAddArgs),
    /// List the providers
    List,
    /// Show one provider with its terms
    Show {
        /// Its name
        name: String,
    },
    /// Remove a provider; its exchanges stay
    Remove {
        /// Its name
        name: String,
    },
}

/// `provider add`.
#[derive(Debug, Args)]
pub(crate) struct ProviderAddArgs {
    /// Its name, which is also the model's name at the gateway unless `--model` says otherwise
    pub name: String,
    /// How it is spoken to: openai or recorded
    #[arg(long, default_value = "openai")]
    pub kind: ProviderKind,
    /// The model's name at the gateway
    #[arg(long)]
    pub model: Option<String>,
    /// The model's name at the provider
    #[arg(long)]
    pub provider_model: String,
    /// The API's base URL, for instance <https://api.example.com/v1>
    #[arg(long)]
    pub base_url: Option<String>,
    /// The environment variable that holds the key
    #[arg(long)]
    pub key_variable: Option<String>,
    /// The row of the terms register that binds its answers
    #[arg(long)]
    pub terms: TermsKey,
    /// Price per million prompt tokens, in millionths of a US dollar
    #[arg(long, default_value = "0", value_parser = micro_usd)]
    pub prompt_price: MicroUsd,
    /// Price per million completion tokens, in millionths of a US dollar
    #[arg(long, default_value = "0", value_parser = micro_usd)]
    pub completion_price: MicroUsd,
}

fn micro_usd(text: &str) -> Result<MicroUsd, String> {
    let number: i64 = text
        .parse()
        .map_err(|_| "write a whole number of millionths of a US dollar".to_owned())?;
    if number < 0 {
        Err("a price cannot be negative".to_owned())
    } else {
        Ok(MicroUsd::new(number))
    }
}

/// `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown once
    Create {
        /// A name for people
        name: String,
        /// What it may be used for: serve, collect or evaluate
        #[arg(long, default_value = "serve")]
        purpose: Purpose,
    },
    /// List the keys
    List,
    /// Revoke a key
    Revoke {
        /// Its id
        id: ApiKeyId,
    },
}

/// `terms`.
#[derive(Debug, Subcommand)]
pub(crate) enum TermsCommand {
    /// List the rows
    List,
    /// Show one row
    Show {
        /// Its key
        key: TermsKey,
    },
    /// Record that a person accepted a row for the organisation
    Accept {
        /// Its key
        key: TermsKey,
        /// Who accepted it
        #[arg(long)]
        by: String,
    },
}

/// `dataset`.
#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
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
pub(crate) enum ModelCommand {
    /// List the published models
    List,
    /// Show one
    Show {
        /// Its name, or `name@version`
        name: String,
    },
    /// Check its files, its pedigree and the signature
    Verify {
        /// Its name, or `name@version`
        name: String,
    },
    /// Print its signed pedigree
    Pedigree {
        /// Its name, or `name@version`
        name: String,
    },
    /// Withdraw it: it is served no more
    Retire {
        /// Its name, or `name@version`
        name: String,
    },
}

/// `ledger`.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Print the signed tree head
    Head,
    /// Print a proof that an entry is in the ledger (C2SP tlog-proof)
    Prove {
        /// The entry's place
        #[arg(value_parser = leaf)]
        index: LeafIndex,
    },
    /// Verify everything from the files alone
    Verify,
    /// Verify, and compare with the database
    Fsck,
}

fn leaf(text: &str) -> Result<LeafIndex, String> {
    text.parse()
        .map(LeafIndex)
        .map_err(|_| "write a whole number, from 0".to_owned())
}
