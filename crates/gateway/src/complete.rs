//! The door for callers within this process: chat requests and completions as records, over the same page as everybody's bytes.

use std::sync::Arc;

use bytes::Bytes;
use cultivar_dialect::{
    Refusal,
    scan::{self, Scanner, Told},
};
use cultivar_record::{
    ConversationId, Endpoint, ExchangeId,
    chat::{ChatRequest, Chunk, Completion},
    without_values,
};
use futures_util::{StreamExt, stream, stream::BoxStream};
use tokio::sync::mpsc;

use crate::{Answer, AnswerEvent, AnswerStream, Call, Caller, Forwarded, ForwardedBody, Gateway, GatewayError, Part};

/// Chunks that wait for a slow reader before the provider is made to wait too.
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

    pub(crate) fn call(&self) -> Result<Call, GatewayError> {
        // JSON has no such numbers: one would be sent as none at all.
        for (name, value, most) in [
            ("temperature", self.request.temperature, 2),
            ("top_p", self.request.top_p, 1),
        ] {
            if value.is_some_and(|value| !value.is_finite()) {
                return Err(GatewayError::invalid(
                    format!("`{name}` must lie between 0 and {most}"),
                    name,
                ));
            }
        }
        let body = cultivar_record::canonical_json(&self.request)?;
        Ok(Call {
            endpoint: Endpoint::ChatCompletions,
            body: Bytes::from(body),
            conversation: self.conversation,
            prompt_key: self.prompt_key.clone(),
        })
    }
}

impl Gateway {
    /// Answers a question. As [`Gateway::forward`], in records.
    ///
    /// # Errors
    /// Whatever [`GatewayError`] names; a refusal by policy comes before anything is sent.
    pub async fn complete(
        self: &Arc<Self>,
        caller: &Caller,
        question: Question,
    ) -> Result<(ExchangeId, Answer), GatewayError> {
        let Forwarded { exchange, body, .. } = self.forward(caller, &question.call()?).await?;
        let answer = match body {
            ForwardedBody::Whole(body) => Answer::Whole(Box::new(read(&body)?)),
            ForwardedBody::Stream(stream) => Answer::Stream(self.chunks(*stream)),
        };
        Ok((exchange, answer))
    }

    /// The chunks of a stream, read on a task of its own. Whoever drops the receiver drops the stream.
    fn chunks(self: &Arc<Self>, mut stream: AnswerStream) -> mpsc::Receiver<AnswerEvent> {
        let (events, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let provider = stream.provider().to_owned();
        self.tasks.spawn(async move {
            let mut scanner = Scanner::default();
            while let Some(part) = tokio::select! { part = stream.next() => part, () = events.closed() => None } {
                let heard = match part {
                    Part::Failed(error) => vec![AnswerEvent::Failed(error)],
                    Part::Bytes(bytes) => scanner
                        .feed(bytes)
                        .iter()
                        .filter_map(|event| heard(&provider, event))
                        .collect(),
                };
                for event in heard {
                    if events.send(event).await.is_err() {
                        return;
                    }
                }
            }
        });
        receiver
    }
}

/// The chunks of a stream of events in OpenAI's shape: for who asks a server over HTTP.
pub fn read_chunks(
    events: BoxStream<'static, Result<Bytes, GatewayError>>,
) -> BoxStream<'static, Result<Chunk, GatewayError>> {
    let step = |(mut events, mut scanner): (BoxStream<'static, Result<Bytes, GatewayError>>, Scanner)| async move {
        let read: Vec<Result<Chunk, GatewayError>> = match events.next().await? {
            Err(error) => vec![Err(error)],
            Ok(bytes) => scanner
                .feed(bytes)
                .iter()
                .filter_map(|event| heard("server", event))
                .map(chunk)
                .collect(),
        };
        Some((read, (events, scanner)))
    };
    stream::unfold((events, Scanner::default()), step)
        .flat_map(stream::iter)
        .boxed()
}

fn chunk(event: AnswerEvent) -> Result<Chunk, GatewayError> {
    match event {
        AnswerEvent::Chunk(chunk) => Ok(*chunk),
        AnswerEvent::Failed(error) => Err(error),
    }
}

fn read(body: &[u8]) -> Result<Completion, GatewayError> {
    serde_json::from_slice(body).map_err(|e| malformed(&e))
}

fn heard(provider: &str, event: &scan::Event) -> Option<AnswerEvent> {
    if matches!(event.told, Told::Nothing | Told::Done) {
        return None;
    }
    let data = scan::data(&event.raw)?;
    let refusal = (event.told == Told::Error).then(|| Refusal::in_stream(&data)).flatten();
    if let Some(refusal) = refusal {
        return Some(AnswerEvent::Failed(GatewayError::refused(
            provider,
            refusal,
            Bytes::new(),
        )));
    }
    Some(match serde_json::from_slice::<Chunk>(&data) {
        Ok(chunk) => AnswerEvent::Chunk(Box::new(chunk)),
        Err(error) => AnswerEvent::Failed(malformed(&error)),
    })
}

fn malformed(error: &serde_json::Error) -> GatewayError {
    GatewayError::Malformed {
        provider: "that answered".to_owned(),
        reason: without_values(error),
    }
}
