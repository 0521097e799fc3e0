//! `approval`.

use clap::Subcommand;
use cultivar_record::{ApprovalId, Market, Timestamp};

/// `approval`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalCommand {
    /// Record that a model may be offered in a market
    Grant {
        /// The model, by its name at the gateway
        model: String,
        /// Where
        #[arg(long)]
        market: Market,
        /// Who decided
        #[arg(long, value_name = "WHO")]
        by: String,
        /// On which ground: the number of a decision, the name of a document
        #[arg(long, value_name = "TEXT")]
        reference: String,
        /// Until when it holds, for instance 2026-12-24T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
    },
    /// List the approvals
    List,
    /// Revoke one
    Revoke {
        /// Its id
        id: ApprovalId,
    },
}
