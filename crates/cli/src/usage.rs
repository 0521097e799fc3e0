//! `usage`.

use clap::Args;
use cultivar_record::Timestamp;

/// `usage`.
#[derive(Debug, Args)]
pub struct UsageArgs {
    /// Break it down: organization, project, key, model, provider, market, purpose, and one of hour, day, month; with commas
    /// between
    #[arg(long, value_delimiter = ',', value_name = "BY")]
    pub by: Vec<String>,
    /// From this moment, for instance 2026-12-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Until before this moment
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// Of one organisation
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,
    /// Print CSV
    #[arg(long)]
    pub csv: bool,
}
