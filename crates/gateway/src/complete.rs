//! The page: one request through the door.

use std::{collections::BTreeMap, sync::Arc};

use cultivar_record::{
    ConversationId, ExchangeId, ExchangeOutcome, Intent, Provider,
    chat::{ChatRequest, ChatUsage, Choice, Chunk, Completion, Content, Message, Role, StreamOptions},
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Answer, AnswerEvent, Caller, Gateway, GatewayError, meter,
    providers::{Answered, ProviderCall, ProviderClient},
};

/// Chunks that wait for a slow client before the provider is made to wait too.
const CHUNKS_IN_FLIGHT: usize = 32;

/// One question.
#[derive(Clone, Debug)]
pub struct Question {
    /// The request.
    pub request: ChatRequest,
    /// The conversation that it belongs to, where the caller keeps one.
    pub conversation: Option<ConversationId>,
    /// Names the same question of the same conversation, so that it need not be asked twice.
    pub prompt_key: Option<String>,
}

impl Question {
    /// A question that stands alone.
    pub const fn alone(request: ChatRequest) -> Self {
        Self {
            request,
            conversation: None,
            prompt_key: None,
        }
    }

    fn check(&self) -> Result<(), GatewayError> {
        if self.request.messages.is_empty() {
            return Err(GatewayError::invalid(
                "`messages` must hold at least one message",
                "messages",
            ));
        }
        let limits = [
            ("temperature", self.request.temperature, 2.0),
            ("top_p", self.request.top_p, 1.0),
        ];
        for (name, value, most) in limits {
            if value.is_some_and(|value| !(0.0..=most).contains(&value)) {
                return Err(GatewayError::invalid(
                    format!("`{name}` must lie between 0 and {most}"),
                    name,
                ));
            }
        }
        if self.request.most_tokens() == Some(0) {
            return Err(GatewayError::invalid("`max_tokens` must be at least 1", "max_tokens"));
        }
        Ok(())
    }
}

impl Gateway {
    /// Answers a question: decides, routes, records the intent, asks the provider, meters, records the outcome, answers.
    ///
    /// # Errors
    /// Whatever [`GatewayError`] names; a refusal by policy comes before anything is sent.
    pub async fn complete(
        self: &Arc<Self>,
        caller: &Caller,
        question: Question,
    ) -> Result<(ExchangeId, Answer), GatewayError> {
        question.check()?;
        let route = self.route(&question.request.model)?;
        let verdict = self.permit_call(caller, &route).await?;
        let client = self.client(&route.provider)?;
        let intent = self.record_intent(caller, &route, &verdict, &question).await?;
        let id = intent.id;
        let under_way = UnderWay {
            gateway: Arc::clone(self),
            intent,
            provider: route.provider,
            client,
        };
        let answer = if question.request.wants_stream() {
            under_way.stream(question.request).await?
        } else {
            under_way.whole(question.request).await?
        };
        Ok((id, answer))
    }
}

/// A stream that began, or why it did not.
type Opened = Result<mpsc::Receiver<AnswerEvent>, GatewayError>;

/// A call whose intent is durable and whose outcome is owed.
struct UnderWay {
    gateway: Arc<Gateway>,
    intent: Intent,
    provider: Provider,
    client: Box<dyn ProviderClient>,
}

impl UnderWay {
    fn call(&self, request: ChatRequest) -> ProviderCall {
        let request = ChatRequest {
            model: self.provider.provider_model.clone(),
            ..request
        };
        ProviderCall {
            exchange: self.intent.id,
            at: self.intent.at,
            request,
        }
    }

    /// The outcome is recorded even where the client has left meanwhile: the call runs on a task of its own.
    async fn whole(self, request: ChatRequest) -> Result<Answer, GatewayError> {
        let (reply, answer) = oneshot::channel();
        let gateway = Arc::clone(&self.gateway);
        gateway.tasks.spawn(async move {
            let asked = self.client.complete(self.call(request)).await;
            let _ = reply.send(self.settle(asked).await);
        });
        let completion = answer.await.map_err(|_| GatewayError::Stopped)??;
        Ok(Answer::Whole(Box::new(completion)))
    }

    async fn settle(&self, asked: Result<Answered, GatewayError>) -> Result<Completion, GatewayError> {
        match asked {
            Ok(Answered { completion, request_id }) => {
                let usage = meter::usage(completion.usage.as_ref());
                let cost = meter::charge(usage, self.provider.price);
                let answer = self.gateway.put_blob(&completion).await?;
                let outcome = ExchangeOutcome::Answered {
                    answer,
                    usage,
                    cost,
                    provider_request_id: request_id,
                };
                self.gateway.record_outcome(&self.intent, outcome).await?;
                Ok(completion)
            }
            Err(error) => Err(self.fail(error).await),
        }
    }

    async fn fail(&self, error: GatewayError) -> GatewayError {
        let outcome = ExchangeOutcome::Failed {
            failure: error.failure(),
        };
        match self.gateway.record_outcome(&self.intent, outcome).await {
            Ok(()) => error,
            Err(worse) => worse,
        }
    }

    async fn stream(self, request: ChatRequest) -> Result<Answer, GatewayError> {
        let with_usage = request.wants_stream_usage();
        let options = StreamOptions {
            include_usage: true,
            ..request.stream_options.clone().unwrap_or_default()
        };
        let request = ChatRequest {
            stream_options: Some(options),
            ..request
        };
        let (reply, answer) = oneshot::channel();
        let gateway = Arc::clone(&self.gateway);
        gateway
            .tasks
            .spawn(async move { self.open(request, reply, with_usage).await });
        Ok(Answer::Stream(answer.await.map_err(|_| GatewayError::Stopped)??))
    }

    /// Asks for the stream, on a task of its own: a client that leaves before it begins ends the call, not its record.
    async fn open(self, request: ChatRequest, mut reply: oneshot::Sender<Opened>, with_usage: bool) {
        let opened = tokio::select! {
            opened = self.client.stream(self.call(request)) => opened,
            () = reply.closed() => Ok(stream::empty().boxed()),
        };
        match opened {
            Ok(chunks) => {
                let (events, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
                let _ = reply.send(Ok(receiver));
                self.pump(chunks, events, with_usage).await;
            }
            Err(error) => {
                let _ = reply.send(Err(self.fail(error).await));
            }
        }
    }

    /// Passes chunks on as they come, but keeps back what ends the answer until the outcome is durable.
    async fn pump(
        self,
        mut chunks: BoxStream<'static, Result<Chunk, GatewayError>>,
        events: mpsc::Sender<AnswerEvent>,
        with_usage: bool,
    ) {
        let mut so_far = Assembled::default();
        let mut kept_back = Vec::new();
        let mut broken = None;
        while let Some(next) = tokio::select! { next = chunks.next() => next, () = events.closed() => None } {
            match next {
                Ok(chunk) => {
                    so_far.add(&chunk);
                    if chunk.choices.is_empty() && !with_usage {
                        continue;
                    }
                    if so_far.finished || !kept_back.is_empty() {
                        kept_back.push(chunk);
                    } else if events.send(AnswerEvent::Chunk(Box::new(chunk))).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        drop(chunks);
        let client_left = events.is_closed();
        if !so_far.finished && !client_left && broken.is_none() {
            broken = Some(GatewayError::Malformed {
                provider: self.provider.name.clone(),
                reason: "the stream ended before the answer did".to_owned(),
            });
        }
        let ended = so_far.finished && !client_left && broken.is_none();
        let recorded = self.settle_stream(so_far, ended, broken.as_ref()).await;
        if let Some(error) = recorded.err().or(broken) {
            let _ = events.send(AnswerEvent::Failed(error)).await;
            return;
        }
        for chunk in kept_back {
            if events.send(AnswerEvent::Chunk(Box::new(chunk))).await.is_err() {
                return;
            }
        }
    }

    async fn settle_stream(
        &self,
        so_far: Assembled,
        ended: bool,
        broken: Option<&GatewayError>,
    ) -> Result<(), GatewayError> {
        let outcome = match (so_far.into_completion(), broken) {
            (None, Some(error)) => ExchangeOutcome::Failed {
                failure: error.failure(),
            },
            (None, None) => ExchangeOutcome::Failed {
                failure: cultivar_record::Failure {
                    code: "client_left".to_owned(),
                    status: None,
                },
            },
            (Some(completion), _) => {
                let usage = meter::usage(completion.usage.as_ref());
                let cost = meter::charge(usage, self.provider.price);
                let answer = self.gateway.put_blob(&completion).await?;
                if ended {
                    ExchangeOutcome::Answered {
                        answer,
                        usage,
                        cost,
                        provider_request_id: None,
                    }
                } else {
                    ExchangeOutcome::Partial { answer, usage, cost }
                }
            }
        };
        self.gateway.record_outcome(&self.intent, outcome).await
    }
}

/// A streamed answer put together for its record.
#[derive(Default)]
struct Assembled {
    first: Option<Chunk>,
    texts: BTreeMap<u64, (String, Option<String>)>,
    usage: Option<ChatUsage>,
    /// Chunks whose deltas hold more than text (tool calls, reasoning): kept as they came.
    more: Vec<Value>,
    finished: bool,
}

impl Assembled {
    fn add(&mut self, chunk: &Chunk) {
        if self.first.is_none() {
            self.first = Some(chunk.clone());
        }
        if chunk.usage.is_some() {
            self.usage.clone_from(&chunk.usage);
        }
        for choice in &chunk.choices {
            let (text, finish_reason) = self.texts.entry(choice.index).or_default();
            text.push_str(choice.delta.content.as_deref().unwrap_or(""));
            if choice.finish_reason.is_some() {
                finish_reason.clone_from(&choice.finish_reason);
            }
            if !choice.delta.rest.is_empty() {
                self.more.extend(serde_json::to_value(choice));
            }
        }
        self.finished = !self.texts.is_empty() && self.texts.values().all(|(_, finish_reason)| finish_reason.is_some());
    }

    fn into_completion(self) -> Option<Completion> {
        let first = self.first?;
        let choice = |(index, (text, finish_reason))| Choice {
            index,
            message: Message {
                role: Role::Assistant,
                content: Some(Content::Text(text)),
                rest: Map::new(),
            },
            finish_reason,
            rest: Map::new(),
        };
        let mut rest = first.rest;
        if !self.more.is_empty() {
            rest.insert("stream_deltas".to_owned(), Value::Array(self.more));
        }
        Some(Completion {
            id: first.id,
            object: "chat.completion".to_owned(),
            created: first.created,
            model: first.model,
            choices: self.texts.into_iter().map(choice).collect(),
            usage: self.usage,
            rest,
        })
    }
}
