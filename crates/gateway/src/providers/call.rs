//! What goes to a provider and what comes back: the bytes of OpenAI's API.

use bytes::Bytes;
use cultivar_record::{ExchangeId, Timestamp};
use futures_util::stream::BoxStream;

use crate::GatewayError;

/// An endpoint of OpenAI's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/moderations`.
    Moderations,
}

/// One call, ready to be sent.
#[derive(Clone, Debug)]
pub struct ProviderCall {
    /// The exchange that it belongs to.
    pub exchange: ExchangeId,
    /// When it was decided.
    pub at: Timestamp,
    /// What is asked.
    pub endpoint: Endpoint,
    /// The request as JSON; its model is the provider's own name for it.
    pub body: Bytes,
    /// The model's name as the client knows it.
    pub model: String,
    /// Whether the answer comes as events.
    pub stream: bool,
}

/// A provider's answer.
pub struct Reply {
    /// The provider's own request id, where it gave one.
    pub request_id: Option<String>,
    /// The answer.
    pub body: ReplyBody,
}

/// An answer, whole or as it comes.
pub enum ReplyBody {
    /// JSON.
    Whole(Bytes),
    /// Server-sent events in OpenAI's shape, the last of them `data: [DONE]`. One before it carries the usage, whether the
    /// client asked for it or not. Dropping the stream cancels the call.
    Events(BoxStream<'static, Result<Bytes, GatewayError>>),
}
