//! What can go wrong between a log and its witnesses.

use cultivar_gateway::GatewayError;
use cultivar_ledger::LedgerError;
use cultivar_store::StoreError;
use miette::Diagnostic;
use thiserror::Error;

/// Why a tree head is not cosigned.
#[derive(Debug, Error, Diagnostic)]
pub enum WitnessError {
    /// The witness knows another history.
    #[error("the witness `{name}` knows this log with another history: it has {known} entries there, {size} here")]
    #[diagnostic(
        code("ledger::forked"),
        help(
            "the data directory was rolled back, copied and written to twice, or tampered with: keep it as it is, compare with the witness's tree head, and restore the newest copy"
        )
    )]
    Forked {
        /// The witness.
        name: String,
        /// Entries that it knows.
        known: u64,
        /// Entries here.
        size: u64,
    },
    /// The witness cannot be asked, or refuses.
    #[error("the witness `{name}` did not cosign: {reason}")]
    #[diagnostic(
        code("witness::unanswered"),
        help("the ledger goes on without it; look whether the witness runs and watches this log")
    )]
    Unanswered {
        /// The witness.
        name: String,
        /// Why.
        reason: String,
    },
    /// The ledger's files do not prove what they should, or a text is none.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// Files or rows.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The door.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Gateway(#[from] GatewayError),
}
