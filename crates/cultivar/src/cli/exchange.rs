//! `exchange`.

use clap::Subcommand;
use cultivar_record::{ExchangeId, Timestamp};

/// `exchange`.
#[derive(Debug, Subcommand)]
pub(crate) enum ExchangeCommand {
    /// List recorded calls, oldest first
    List {
        /// Those that began from this moment on, for instance 2026-12-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Those after this one
        #[arg(long, value_name = "ID")]
        after: Option<ExchangeId>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show one
    Show {
        /// Its id: the `x-request-id` of its answer
        id: ExchangeId,
    },
}
