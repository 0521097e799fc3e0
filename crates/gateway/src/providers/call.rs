//! What a provider is handed and what it hands back: bytes of OpenAI's API, whatever it speaks itself.

use bytes::Bytes;
use cultivar_record::{Endpoint, ExchangeId, Timestamp};
use futures_util::stream::BoxStream;

use crate::GatewayError;

/// One call, ready to be sent.
#[derive(Clone, Debug)]
pub struct ProviderCall {
    /// The exchange that it belongs to.
    pub exchange: ExchangeId,
    /// When it was decided.
    pub at: Timestamp,
    /// What is asked for.
    pub endpoint: Endpoint,
    /// The request's JSON; its model is the provider's own name for it.
    pub body: Bytes,
    /// The model's name at the gateway, for a provider that has to name itself in the answer.
    pub model: String,
    /// Whether the answer is to come as server-sent events.
    pub stream: bool,
}

/// What a provider answers.
pub struct Reply {
    /// The provider's own request id, where it gave one.
    pub request_id: Option<String>,
    /// The answer.
    pub body: ReplyBody,
}

/// The bytes of an answer.
pub enum ReplyBody {
    /// All of it: JSON in the shape of the endpoint.
    Whole(Bytes),
    /// Server-sent events in the shape of the endpoint, cut anywhere. Dropping the stream cancels the call.
    Events(BoxStream<'static, Result<Bytes, GatewayError>>),
}
