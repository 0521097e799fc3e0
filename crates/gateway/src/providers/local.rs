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

use std::{ops::ControlFlow, sync::Arc};

use cultivar_record::chat::{ChatUsage, Chunk, ChunkChoice, Completion, Delta, Message, Role};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use serde_json::Map;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    Answered, Chunks, ProviderCall, ProviderClient,
    call::{self, Endpoint, Reply},
};
use crate::GatewayError;
pub use model::{
    LocalAnswer, LocalEnd, LocalFailure, LocalInfo, LocalLikely, LocalModel, LocalOptions, LocalSampling, LocalScore,
    LocalToken, LocalWritten, SpecialNames, TemplateEnd,
};
pub use tokenize::{detokenize, tokenize, tokenizer_info};

/// Pieces of text that wait for a slow reader before generation waits too.
const PIECES_IN_FLIGHT: usize = 64;

/// Asks a model of our own. Dropping the future or the stream ends the model's work within one token.
///
/// # Errors
/// `invalid_request`, `unsupported_value` and `context_length_exceeded` for requests that cannot be answered; `unsupported`
/// where the model or our models in general cannot do it; `model_failed`.
pub async fn ask(model: Arc<dyn LocalModel>, call: call::ProviderCall) -> Result<Reply, GatewayError> {
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
    fn complete(&self, call: ProviderCall) -> BoxFuture<'_, Result<Answered, GatewayError>> {
        async move {
            let model = Arc::clone(&self.model);
            let request = call.request.clone();
            let answer = spawn_blocking(move || model.answer(&request, &mut |_| ControlFlow::Continue(())))
                .await
                .map_err(|e| self.failed(&e))?
                .map_err(|e| self.failed(&e))?;
            let usage = ChatUsage::of(answer.prompt, answer.completion);
            let id = completion_id(&call);
            let mut completion = Completion::of_text(id, call.at.seconds(), self.name.clone(), answer.text, usage);
            for choice in &mut completion.choices {
                choice.finish_reason = Some(answer.finish_reason.to_owned());
            }
            Ok(Answered {
                completion,
                request_id: None,
            })
        }
        .boxed()
    }

    fn stream(&self, call: ProviderCall) -> BoxFuture<'_, Result<Chunks, GatewayError>> {
        async move {
            let (sender, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
            let (model, name) = (Arc::clone(&self.model), self.name.clone());
            spawn_blocking(move || generate(model.as_ref(), &name, &call, &sender));
            Ok(stream::unfold(receiver, |mut receiver| async {
                Some((receiver.recv().await?, receiver))
            })
            .boxed())
        }
        .boxed()
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

fn completion_id(call: &ProviderCall) -> String {
    format!("chatcmpl-{}", call.exchange)
}

fn generate(
    model: &dyn LocalModel,
    name: &str,
    call: &ProviderCall,
    chunks: &mpsc::Sender<Result<Chunk, GatewayError>>,
) {
    let chunk = |delta: Delta, finish_reason: Option<&str>| Chunk {
        id: completion_id(call),
        object: "chat.completion.chunk".to_owned(),
        created: call.at.seconds(),
        model: name.to_owned(),
        choices: vec![ChunkChoice {
            index: 0,
            delta,
            finish_reason: finish_reason.map(str::to_owned),
            rest: Map::new(),
        }],
        usage: None,
        rest: Map::new(),
    };
    let opening = Delta {
        role: Some(Role::Assistant),
        content: Some(String::new()),
        rest: Map::new(),
    };
    if chunks.blocking_send(Ok(chunk(opening, None))).is_err() {
        return;
    }
    let answer = model.answer(&call.request, &mut |text| {
        let delta = Delta {
            content: Some(text.to_owned()),
            ..Delta::default()
        };
        match chunks.blocking_send(Ok(chunk(delta, None))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    match answer {
        Ok(answer) => {
            let _ = chunks.blocking_send(Ok(chunk(Delta::default(), Some(answer.finish_reason))));
            let usage = Some(ChatUsage::of(answer.prompt, answer.completion));
            let last = Chunk {
                choices: Vec::new(),
                usage,
                ..chunk(Delta::default(), None)
            };
            let _ = chunks.blocking_send(Ok(last));
        }
        Err(reason) => {
            let _ = chunks.blocking_send(Err(GatewayError::ModelFailed {
                model: name.to_owned(),
                reason,
            }));
        }
    }
}
