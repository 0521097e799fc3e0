//! Providers: one file each, one shape. Each turns a [`ProviderCall`] into an answer and knows nothing of permits or records.

pub mod call;
pub mod http;
pub mod local;
pub mod openai;
pub mod recorded;
mod sse;

use cultivar_record::{
    ExchangeId, Timestamp,
    chat::{ChatRequest, Chunk, Completion, Message},
};
use futures_util::{future::BoxFuture, stream::BoxStream};

use crate::GatewayError;
pub use local::LocalModel;
use local::LocalScore;

/// One call, ready to be sent: its model is the provider's own name for it.
#[derive(Clone, Debug)]
pub struct ProviderCall {
    /// The exchange that it belongs to.
    pub exchange: ExchangeId,
    /// When it was decided.
    pub at: Timestamp,
    /// The request.
    pub request: ChatRequest,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer.
    pub completion: Completion,
    /// The provider's own request id, where it gave one.
    pub request_id: Option<String>,
}

/// Chunks as they come. Dropping the stream cancels the call.
pub type Chunks = BoxStream<'static, Result<Chunk, GatewayError>>;

/// Speaks to one provider.
pub trait ProviderClient: Send + Sync {
    /// Asks for a whole answer.
    fn complete(&self, call: ProviderCall) -> BoxFuture<'_, Result<Answered, GatewayError>>;

    /// Asks for an answer as it comes.
    fn stream(&self, call: ProviderCall) -> BoxFuture<'_, Result<Chunks, GatewayError>>;

    /// Bits per turn of a conversation.
    fn score(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>>;
}
