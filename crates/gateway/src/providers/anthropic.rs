//! `anthropic`: the Messages API, spoken by translation: a chat completion request becomes a Messages request, the answer and its
//! events become a chat completion and its chunks. Bytes in, bytes out: it knows neither sockets nor permits.
//!
//! Source: Anthropic API reference, "Messages", "Streaming messages", "Errors", "Versions" and "OpenAI SDK compatibility".
#![cfg_attr(not(test), expect(dead_code, reason = "wired with the new provider trait"))]

pub(crate) mod answer;
mod chunk;
mod conversation;
mod ending;
pub(crate) mod events;
mod parts;
pub(crate) mod request;
mod tools;

/// The API version that requests are written for, sent as the header [`VERSION_HEADER`].
///
/// 2026-10-21 removed `temperature`, `top_p` and `top_k` from every model; under 2023-06-01 the models that know them still take
/// them, and those that do not say so themselves. Source: "Versions".
pub(crate) const VERSION: &str = "2023-06-01";
/// The header that names the API version.
pub(crate) const VERSION_HEADER: &str = "anthropic-version";
/// The header with the API key.
pub(crate) const KEY_HEADER: &str = "x-api-key";
/// The header with the provider's id of a request.
pub(crate) const REQUEST_ID_HEADER: &str = "request-id";
/// Where messages are asked for, under a base URL such as `https://api.anthropic.com/v1`.
pub(crate) const PATH: &str = "messages";
