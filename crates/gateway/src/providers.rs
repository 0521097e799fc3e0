//! Providers: one file each, one shape. Each turns a [`ProviderCall`] into a [`Reply`] and knows nothing of permits or records.

pub(crate) mod anthropic;
pub(crate) mod azure_openai;
mod call;
pub(crate) mod gemini;
pub mod http;
pub mod local;
pub mod openai;
pub mod recorded;

use cultivar_record::chat::Message;
use futures_util::future::BoxFuture;

use crate::GatewayError;
pub use call::{ProviderCall, Reply, ReplyBody};
pub use local::LocalModel;
use local::LocalScore;

/// Speaks to one provider.
pub trait ProviderClient: Send + Sync {
    /// Asks.
    fn ask(&self, call: ProviderCall) -> BoxFuture<'_, Result<Reply, GatewayError>>;

    /// Bits per turn of a conversation.
    ///
    /// # Errors
    /// `unsupported` where the provider tells no probabilities.
    fn score(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>>;
}
