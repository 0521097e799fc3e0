//! A streamed answer put together: what a reader of the record, a dataset or a mask needs. Off the path of a request.

use std::collections::BTreeMap;

use cultivar_dialect::scan;
use cultivar_record::{
    Digest,
    chat::{ChatUsage, Choice, Chunk, Completion, Content, Message, Role},
};
use serde_json::{Map, Value};

use crate::{Gateway, GatewayError};

/// Whether a kept answer is a stream of events.
pub(crate) fn is_stream(body: &[u8]) -> bool {
    !body.trim_ascii_start().starts_with(b"{")
}

/// The completion that a stream of chunks amounts to; nothing where it holds none.
pub(crate) fn completion(stream: &[u8]) -> Option<Completion> {
    let mut assembled = Assembled::default();
    let mut scanner = scan::Scanner::default();
    let mut events = scanner.feed(bytes::Bytes::copy_from_slice(stream));
    events.extend(scanner.rest());
    for event in &events {
        let chunk = scan::data(&event.raw).and_then(|data| serde_json::from_slice(&data).ok());
        if let Some(chunk) = chunk {
            assembled.add(chunk);
        }
    }
    assembled.into_completion()
}

impl Gateway {
    /// The chat completion that was kept under a digest, streamed or not.
    ///
    /// # Errors
    /// `store::corrupt_blob` where it is not kept or damaged; `store::unreadable_record` where it is no chat completion.
    pub fn completion(&self, answer: &Digest) -> Result<Completion, GatewayError> {
        self.journal.settle();
        let body = self.blobs.bytes(answer)?;
        if is_stream(&body) {
            completion(&body).ok_or_else(|| unreadable("it is a stream without an answer"))
        } else {
            serde_json::from_slice(&body).map_err(|_| unreadable("it is not a chat completion"))
        }
    }
}

fn unreadable(reason: &str) -> GatewayError {
    cultivar_store::StoreError::UnreadableRecord {
        reason: reason.to_owned(),
    }
    .into()
}

#[derive(Default)]
struct Assembled {
    first: Option<Chunk>,
    texts: BTreeMap<u64, (String, Option<String>)>,
    usage: Option<ChatUsage>,
    /// Chunks whose deltas hold more than text (tool calls, reasoning): kept as they came.
    more: Vec<Value>,
}

impl Assembled {
    fn add(&mut self, chunk: Chunk) {
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
        if self.first.is_none() {
            self.first = Some(chunk);
        }
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
