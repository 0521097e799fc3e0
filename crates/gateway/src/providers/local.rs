//! `local`: a model of our own, in this process. The layer above joins it; what it makes of a request stands in [`cultivar_own`], and
//! here is what waits: threads that may compute, the channel of events, and that a model stops within one token of nobody listening.

use std::{
    ops::ControlFlow,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use cultivar_own::{Choices, OwnError, Prepared, Question, prepare};
use cultivar_record::chat::Message;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{ProviderCall, ProviderClient, Reply, ReplyBody};
use crate::GatewayError;
pub use cultivar_own::{LocalModel, LocalScore};

/// Events that wait for a slow reader before generation waits too.
const EVENTS_IN_FLIGHT: usize = 64;

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
}

impl ProviderClient for Local {
    fn ask(&self, call: ProviderCall) -> BoxFuture<'_, Result<Reply, GatewayError>> {
        ask(Arc::clone(&self.model), call).boxed()
    }

    fn score(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>> {
        let model = Arc::clone(&self.model);
        let score = move |_: &dyn Fn() -> bool| model.score(&messages).map_err(|reason| OwnError::Failed { reason });
        off_thread(self.name.clone(), score).boxed()
    }
}

/// Asks a model of our own. Dropping the future or the stream ends the model's work within one token.
///
/// # Errors
/// `invalid_request`, `unsupported_value` and `context_length_exceeded` for requests that cannot be answered; `unsupported`
/// where the model or our models in general cannot do it; `model_failed`.
pub async fn ask(model: Arc<dyn LocalModel>, call: ProviderCall) -> Result<Reply, GatewayError> {
    let question = Question {
        endpoint: call.endpoint,
        body: call.body,
        model: call.model.clone(),
        exchange: call.exchange.to_string(),
        created: call.at.seconds(),
    };
    let asked = Arc::clone(&model);
    let prepared = off_thread(call.model.clone(), move |alive| {
        prepare(asked.as_ref(), &question, alive)
    })
    .await?;
    let body = match prepared {
        Prepared::Whole(body) => ReplyBody::Whole(body),
        Prepared::Choices(choices) if call.stream => ReplyBody::Events(events(model, call.model, *choices)),
        Prepared::Choices(choices) => {
            let write = move |alive: &dyn Fn() -> bool| choices.whole(model.as_ref(), alive);
            ReplyBody::Whole(off_thread(call.model, write).await?)
        }
    };
    Ok(Reply { request_id: None, body })
}

/// `POST /tokenize` for a model of our own, in vLLM's shapes.
///
/// # Errors
/// As [`ask`].
pub async fn tokenize(model: Arc<dyn LocalModel>, name: String, body: Bytes) -> Result<Bytes, GatewayError> {
    off_thread(name, move |_| cultivar_own::tokenize(model.as_ref(), &body)).await
}

/// `POST /detokenize` for a model of our own.
///
/// # Errors
/// As [`ask`].
pub async fn detokenize(model: Arc<dyn LocalModel>, name: String, body: Bytes) -> Result<Bytes, GatewayError> {
    off_thread(name, move |_| cultivar_own::detokenize(model.as_ref(), &body)).await
}

/// `GET /tokenizer_info` for a model of our own.
///
/// # Errors
/// `unsupported` where the model has no tokenizer.
pub fn tokenizer_info(model: &dyn LocalModel, name: &str) -> Result<Bytes, GatewayError> {
    cultivar_own::tokenizer_info(model).map_err(|error| told(name, error))
}

/// Runs work on a thread that may compute. It is told whether anybody still waits for it.
async fn off_thread<T: Send + 'static>(
    name: String,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, OwnError> + Send + 'static,
) -> Result<T, GatewayError> {
    let waiting = Arc::new(());
    let waited_for: Weak<()> = Arc::downgrade(&waiting);
    let done = spawn_blocking(move || work(&|| waited_for.strong_count() > 0)).await;
    drop(waiting);
    let done = done.unwrap_or_else(|e| Err(OwnError::Failed { reason: e.to_string() }));
    done.map_err(|error| told(&name, error))
}

fn events(
    model: Arc<dyn LocalModel>,
    name: String,
    choices: Choices,
) -> BoxStream<'static, Result<Bytes, GatewayError>> {
    let (sender, receiver) = mpsc::channel(EVENTS_IN_FLIGHT);
    spawn_blocking(move || {
        let mut send = |event: Bytes| match sender.blocking_send(Ok(event)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        if let Err(error) = choices.events(model.as_ref(), &|| !sender.is_closed(), &mut send) {
            // Where nobody listens any more, nobody is told.
            let _ = sender.blocking_send(Err(told(&name, error)));
        }
    });
    let next = |mut receiver: mpsc::Receiver<_>| async move { Some((receiver.recv().await?, receiver)) };
    stream::unfold(receiver, next).boxed()
}

/// A failure of our own model as the door tells it.
fn told(name: &str, error: OwnError) -> GatewayError {
    let model = name.to_owned();
    match error {
        OwnError::Invalid { message, param } => GatewayError::InvalidRequest { message, param },
        OwnError::UnsupportedValue { param, value } => GatewayError::UnsupportedValue { model, param, value },
        OwnError::ContextLength { message, param } => GatewayError::ContextLength { message, param },
        OwnError::Unsupported { what } => GatewayError::Unsupported { model, what },
        OwnError::Failed { reason } => GatewayError::ModelFailed { model, reason },
    }
}
