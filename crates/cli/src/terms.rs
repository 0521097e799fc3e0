//! `terms`.

use clap::{Args, Subcommand};
use cultivar_record::{Market, Purpose, TermsKey, Timestamp};

/// `terms`.
#[derive(Debug, Subcommand)]
pub enum TermsCommand {
    /// List the rows
    List,
    /// Show one row, or what several permit together
    Show {
        /// Its key; several keys for rows that bind together, for instance a model's and its host's
        #[arg(required = true)]
        keys: Vec<TermsKey>,
    },
    /// Show what differs between two rows
    Diff {
        /// The key of the first one
        before: TermsKey,
        /// The key of the second one
        after: TermsKey,
    },
    /// Show what is owed with a model or a dataset under these rows, and which duties clash
    Duties {
        /// Their keys
        #[arg(required = true)]
        keys: Vec<TermsKey>,
    },
    /// Record that a person accepted a row for the organisation; of rows joined with `+`, each
    Accept(AcceptArgs),
}

/// `terms accept`.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// The row's key
    pub key: TermsKey,
    /// Who accepted it
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// For which organisation [default: the one that runs the door]
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,
    /// A market that the agreement covers; may be given several times [default: all]
    #[arg(long)]
    pub market: Vec<Market>,
    /// A purpose that the agreement covers; may be given several times [default: all]
    #[arg(long)]
    pub purpose: Vec<Purpose>,
    /// Until when it is in force, for instance 2026-12-24T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
}
