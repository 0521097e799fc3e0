//! `evidence`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cultivar_record::Market;

/// `evidence`.
#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Show what a market asks for, what is there and what is missing
    Show {
        /// Which model, where
        #[command(flatten)]
        which: EvidenceOf,
    },
    /// Hand in items; what was signed over others is void from then on
    Set {
        /// The item, as the checklist names it, and its file; the digest is recorded, the file stays with you
        #[arg(value_name = "ITEM=FILE", required = true, value_parser = item)]
        items: Vec<(String, PathBuf)>,
        /// Which model, where
        #[command(flatten)]
        which: EvidenceOf,
        /// The member who hands them in
        #[arg(long, value_name = "WHO")]
        by: String,
    },
    /// Write what the public is told about training data, filled in from the records: for EU and US-CA
    Page(EvidencePageArgs),
}

/// `evidence page`.
#[derive(Debug, Args)]
pub struct EvidencePageArgs {
    /// The model, or `name@version`
    #[arg(long)]
    pub model: String,
    /// For which market: EU (summary of training content) or US-CA (documentation of training data)
    #[arg(long)]
    pub market: Market,
    /// Write it into this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Which model, where.
#[derive(Debug, Args)]
pub struct EvidenceOf {
    /// The model, by its name at the gateway, or `name@version`
    #[arg(long)]
    pub model: String,
    /// The provider, where several answer under the name
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Where it is to be offered
    #[arg(long)]
    pub market: Market,
}

fn item(text: &str) -> Result<(String, PathBuf), String> {
    let (key, file) = text
        .split_once('=')
        .ok_or("write ITEM=FILE, for instance filing=filing.pdf")?;
    Ok((key.to_owned(), PathBuf::from(file)))
}
