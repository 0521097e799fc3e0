//! A streamed answer put together: what a reader of the record, a dataset or a mask needs. Off the path of a request.

use std::collections::BTreeMap;

use cultivar_record::chat::{ChatUsage, Choice, Chunk, Completion, Content, Message, Role};
use serde_json::{Map, Value};

use crate::scan;

/// Whether a kept answer is a stream of events.
pub fn is_stream(body: &[u8]) -> bool {
    !body.trim_ascii_start().starts_with(b"{")
}

/// The completion that a stream of chunks amounts to; nothing where it holds none.
pub fn completion(stream: &[u8]) -> Option<Completion> {
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

#[derive(Default)]
struct Assembled {
    first: Option<Chunk>,
    choices: BTreeMap<u64, Growing>,
    usage: Option<ChatUsage>,
}

/// A choice that grows with each chunk.
#[derive(Default)]
struct Growing {
    text: String,
    finish_reason: Option<String>,
    /// What its deltas hold besides text: tool calls, reasoning, a refusal.
    more: Map<String, Value>,
    logprobs: Value,
}

impl Assembled {
    fn add(&mut self, chunk: Chunk) {
        if chunk.usage.is_some() {
            self.usage.clone_from(&chunk.usage);
        }
        for choice in &chunk.choices {
            let growing = self.choices.entry(choice.index).or_default();
            growing.text.push_str(choice.delta.content.as_deref().unwrap_or(""));
            if choice.finish_reason.is_some() {
                growing.finish_reason.clone_from(&choice.finish_reason);
            }
            grow_object(&mut growing.more, &choice.delta.rest);
            if let Some(logprobs) = choice.rest.get("logprobs") {
                grow(&mut growing.logprobs, logprobs);
            }
        }
        if self.first.is_none() {
            self.first = Some(chunk);
        }
    }

    fn into_completion(self) -> Option<Completion> {
        let first = self.first?;
        Some(Completion {
            id: first.id,
            object: "chat.completion".to_owned(),
            created: first.created,
            model: first.model,
            choices: self.choices.into_iter().map(Growing::into_choice).collect(),
            usage: self.usage,
            rest: first.rest,
        })
    }
}

impl Growing {
    fn into_choice((index, grown): (u64, Self)) -> Choice {
        let is_silent = grown.text.is_empty() && !grown.more.is_empty();
        let mut rest = Map::new();
        if !grown.logprobs.is_null() {
            rest.insert("logprobs".to_owned(), grown.logprobs);
        }
        Choice {
            index,
            message: Message {
                role: Role::Assistant,
                content: (!is_silent).then_some(Content::Text(grown.text)),
                rest: grown.more,
            },
            finish_reason: grown.finish_reason,
            rest,
        }
    }
}

/// Fields that name or number something: what repeats them says nothing new.
const NAMES: [&str; 7] = ["id", "index", "type", "name", "role", "format", "status"];

/// Adds what a delta says: texts follow each other, elements of a list that have an `index` grow, others follow.
fn grow(value: &mut Value, new: &Value) {
    match (value, new) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) => text.push_str(more),
        (Value::Object(fields), Value::Object(more)) => grow_object(fields, more),
        (Value::Array(values), Value::Array(more)) => {
            for element in more {
                let index = element.get("index");
                let known = values
                    .iter_mut()
                    .find(|value| index.is_some() && value.get("index") == index);
                match known {
                    Some(known) => grow(known, element),
                    None => values.push(element.clone()),
                }
            }
        }
        (value, new) => *value = new.clone(),
    }
}

fn grow_object(fields: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, new) in more {
        match fields.get_mut(name) {
            None => {
                fields.insert(name.clone(), new.clone());
            }
            Some(known) if known.is_null() || !NAMES.contains(&name.as_str()) => grow(known, new),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reasoning_and_tool_calls_are_put_together_as_texts_are() {
        let chunk = |delta: Value| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": null, "logprobs": { "content": [1.5] } });
            let chunk = json!({ "id": "c", "object": "o", "created": 1, "model": "m", "choices": [choice] });
            format!("data: {chunk}\n\n")
        };
        let call = |part: Value| json!({ "tool_calls": [part] });
        let stream = [
            chunk(json!({ "role": "assistant", "content": null, "reasoning_content": "so" })),
            chunk(json!({ "reasoning_content": " be it" })),
            chunk(call(
                json!({ "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "{\"x\"" } }),
            )),
            chunk(call(
                json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": ":1}" } }),
            )),
            chunk(call(
                json!({ "index": 1, "id": "b", "function": { "name": "g", "arguments": "{}" } }),
            )),
        ];
        let completion = completion(stream.concat().as_bytes()).unwrap();
        let expected = json!({
            "index": 0, "finish_reason": null, "logprobs": { "content": [1.5, 1.5, 1.5, 1.5, 1.5] },
            "message": { "role": "assistant", "reasoning_content": "so be it", "tool_calls": [
                { "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "{\"x\":1}" } },
                { "index": 1, "id": "b", "function": { "name": "g", "arguments": "{}" } },
            ] },
        });
        assert_eq!(serde_json::to_value(&completion.choices).unwrap(), json!([expected]));
    }
}
