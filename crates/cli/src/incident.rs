//! `incident`.

use clap::Subcommand;
use cultivar_record::IncidentId;

/// `incident`.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// List the incidents
    List,
    /// Close one: it is settled with the provider, which is asked again
    Close {
        /// Its id
        id: IncidentId,
        /// Who closes it
        #[arg(long, value_name = "WHO")]
        by: String,
    },
}
