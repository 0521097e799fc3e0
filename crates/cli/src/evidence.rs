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
