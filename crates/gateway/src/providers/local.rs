//! `local`: a model of our own, in this process. The layer above joins it; the gateway knows that it answers, not how.
//!
//! [`ask`] turns a request in OpenAI's JSON into tokens, and what the model makes of them into OpenAI's JSON: one file per
//! endpoint. What they share: [`LocalModel`] in `model`, the fields about drawing in `sampling`, the four forms of a prompt
//! in `prompts`, the writing of choices in `choices`, the two shapes of log-probabilities in `logprobs`.

mod chat;
mod choices;
mod completions;
mod embeddings;
mod logprobs;
mod model;
mod prompts;
mod sampling;
mod tokenize;

use std::sync::Arc;

use cultivar_record::{Endpoint, chat::Message};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::spawn_blocking;

use super::{ProviderCall, ProviderClient, Reply};
use crate::GatewayError;
pub use model::{
    LocalAnswer, LocalEnd, LocalFailure, LocalInfo, LocalLikely, LocalModel, LocalOptions, LocalSampling, LocalScore,
    LocalToken, LocalWritten, SpecialNames, TemplateEnd,
};
pub use tokenize::{detokenize, tokenize, tokenizer_info};

/// Asks a model of our own. Dropping the future or the stream ends the model's work within one token.
///
/// # Errors
/// `invalid_request`, `unsupported_value` and `context_length_exceeded` for requests that cannot be answered; `unsupported`
/// where the model or our models in general cannot do it; `model_failed`.
pub async fn ask(model: Arc<dyn LocalModel>, call: ProviderCall) -> Result<Reply, GatewayError> {
    let unsupported = |what| {
        Err(GatewayError::Unsupported {
            model: call.model.clone(),
            what,
        })
    };
    match call.endpoint {
        Endpoint::ChatCompletions => chat::ask(model, call).await,
        Endpoint::Completions => completions::ask(model, call).await,
        Endpoint::Embeddings => embeddings::ask(model, call).await,
        Endpoint::Responses => unsupported("asked for responses"),
        Endpoint::Moderations => unsupported("asked for moderations"),
    }
}

/// Speaks to one model in this process.
pub struct Local {
    name: String,
    model: Arc<dyn LocalModel>,
}

impl Local {
    /// A client for this model.
    pub fn new(name: String, model: Arc<dyn LocalModel>) -> Self {
        Self { name, model }
    }

    fn failed(&self, reason: &dyn std::fmt::Display) -> GatewayError {
        GatewayError::ModelFailed {
            model: self.name.clone(),
            reason: reason.to_string(),
        }
    }
}

impl ProviderClient for Local {
    fn ask(&self, call: ProviderCall) -> BoxFuture<'_, Result<Reply, GatewayError>> {
        ask(Arc::clone(&self.model), call).boxed()
    }

    fn score(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>> {
        async move {
            let model = Arc::clone(&self.model);
            let scores = spawn_blocking(move || model.score(&messages))
                .await
                .map_err(|e| self.failed(&e))?;
            scores.map_err(|e| self.failed(&e))
        }
        .boxed()
    }
}
