//! `policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cultivar_record::{TermsKey, UseAction};

/// `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Validate the policies and packs strictly; a pack may only forbid
    Check(CheckArgs),
    /// Decide the literate cases, shipped and one's own, by the policies in force
    Test(TestArgs),
    /// Say what may be done with a dataset, terms or a provider's answers
    Explain(ExplainArgs),
}

/// `policy check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A pack beside the configured ones; may be given several times
    #[arg(long, value_name = "FILE")]
    pub pack: Vec<PathBuf>,
}

/// `policy test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Markdown files, or folders of them [default: the shipped cases]
    pub paths: Vec<PathBuf>,
    /// A pack beside the configured ones; may be given several times
    #[arg(long, value_name = "FILE")]
    pub pack: Vec<PathBuf>,
}

/// `policy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// What it is about
    #[command(flatten)]
    pub about: About,
    /// For which use; may be given several times [default: all]
    #[arg(long = "for", value_enum, value_name = "USE")]
    pub uses: Vec<ExplainedUse>,
    /// A pack beside the configured ones; may be given several times
    #[arg(long, value_name = "FILE")]
    pub pack: Vec<PathBuf>,
}

/// What is explained.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct About {
    /// A sealed dataset, by name, or name@version
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Rows of the terms register
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub terms: Vec<TermsKey>,
    /// A registered provider
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
}

/// A use, as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainedUse {
    /// Ask and show the answer
    Infer,
    /// Ask and keep the answer
    Collect,
    /// Train a model
    Train,
    /// Score models
    Evaluate,
    /// Publish a dataset
    Publish,
    /// Offer a model in a market
    Release,
    /// Let a person read recorded content
    Read,
}

impl From<ExplainedUse> for UseAction {
    fn from(named: ExplainedUse) -> Self {
        match named {
            ExplainedUse::Infer => Self::Infer,
            ExplainedUse::Collect => Self::Collect,
            ExplainedUse::Train => Self::Train,
            ExplainedUse::Evaluate => Self::Evaluate,
            ExplainedUse::Publish => Self::PublishDataset,
            ExplainedUse::Release => Self::Release,
            ExplainedUse::Read => Self::ReadContent,
        }
    }
}
