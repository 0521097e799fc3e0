//! A model of our own in OpenAI's words: a request becomes tokens, tokens become an answer or its events. One file per endpoint;
//! what they share: [`LocalModel`] in `model`, the fields about drawing in `sampling`, the four forms of a prompt in `prompts`, the
//! writing of choices in `choices`, the two shapes of log-probabilities in `logprobs`.
//!
//! Everything here is synchronous and computes for as long as it is listened to. It knows JSON and tokens; it knows neither weights
//! nor sockets nor threads.

mod chat;
mod choices;
mod completions;
mod embeddings;
mod error;
mod logprobs;
mod model;
mod prompts;
mod responses;
mod sampling;
mod tokenize;

use bytes::Bytes;
use cultivar_record::Endpoint;

pub use choices::Choices;
pub use error::OwnError;
pub use model::{
    LocalEnd, LocalFailure, LocalInfo, LocalLikely, LocalModel, LocalOptions, LocalSampling, LocalScore, LocalToken,
    LocalWritten, SpecialNames, TemplateEnd,
};
pub use tokenize::{detokenize, tokenize, tokenizer_info};

/// A request to a model of our own.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// The request's JSON.
    pub body: Bytes,
    /// The model's name as the client knows it.
    pub model: String,
    /// The exchange, from which the answer's id is made.
    pub exchange: String,
    /// When it was asked, in seconds since 1970.
    pub created: i64,
}

/// A request that has been understood.
pub enum Prepared {
    /// Choices are to be written.
    Choices(Box<Choices>),
    /// There was nothing to write: the whole answer.
    Whole(Bytes),
}

/// Understands a request; everything that refuses it does so here. `alive` says whether anybody still waits.
///
/// # Errors
/// Whatever [`OwnError`] names.
pub fn prepare(model: &dyn LocalModel, question: &Question, alive: &dyn Fn() -> bool) -> Result<Prepared, OwnError> {
    match question.endpoint {
        Endpoint::ChatCompletions => chat::prepare(model, question),
        Endpoint::Completions => completions::prepare(model, question),
        Endpoint::Embeddings => embeddings::answer(model, question, alive),
        Endpoint::Responses => responses::prepare(model, question),
        Endpoint::Moderations => Err(OwnError::Unsupported {
            what: "asked for moderations",
        }),
    }
}
