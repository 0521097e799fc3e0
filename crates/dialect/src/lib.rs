//! How providers speak, as bytes: what a refusal means, the few fields of a request that the door reads, where the events of a stream end, and the translations between OpenAI's
//! API and others. One file per provider that needs more than OpenAI's words.
//!
//! Bytes in, bytes out: it knows neither sockets nor keys nor permits, and no clock. What a text of a person says is in none of its
//! errors.

pub mod anthropic;
pub mod assemble;
pub mod azure;
mod envelope;
pub mod gemini;
mod refusal;
pub mod scan;
mod signs;
mod sse;
mod translate;

pub use envelope::{Envelope, EnvelopeError};
pub use refusal::Refusal;
pub use signs::{Sign, StandingSign};
pub use sse::EventParser;
pub use translate::TranslateError;
