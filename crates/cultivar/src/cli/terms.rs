//! `terms`.

use clap::{Args, Subcommand};
use cultivar_record::{Market, Purpose, TermsKey, Timestamp};

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
    Accept(AcceptArgs),
}

/// `terms accept`.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
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
