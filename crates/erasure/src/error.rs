//! Why nothing was erased.

use cultivar_gateway::GatewayError;
use cultivar_record::RecordError;
use cultivar_store::StoreError;
use miette::Diagnostic;
use thiserror::Error;

/// Why nothing was erased.
#[derive(Debug, Error, Diagnostic)]
pub enum ErasureError {
    /// The selection names nothing.
    #[error("no exchange is meant")]
    #[diagnostic(
        code("erasure::nothing"),
        help(
            "name exchanges by id, or a conversation, or an organisation; `cultivar exchange list` lists what there is"
        )
    )]
    Nothing,
    /// It was erased before.
    #[error("{count} exchange(s) are erased already, `{first}` first")]
    #[diagnostic(
        code("erasure::already"),
        help("nothing is left to erase; `cultivar exchange show` names the erasure")
    )]
    Already {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// A call is under way.
    #[error("exchange `{exchange}` is under way")]
    #[diagnostic(
        code("erasure::under_way"),
        help("wait until it has ended, and run the same command again")
    )]
    UnderWay {
        /// The exchange.
        exchange: String,
    },
    /// The records cannot be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The door says no.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Gateway(#[from] GatewayError),
    /// A record is malformed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}
