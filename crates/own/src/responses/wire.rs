//! The response object and its events.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use cultivar_record::chat::ChatUsage;
use serde_json::{Value, json};

use super::request::Asks;
use crate::Question;
use crate::chat::Truncation;
use crate::choices::{self, Piece, Wire};
use crate::model::{LocalEnd, LocalSampling};

/// The JSON of one response.
pub(super) struct ResponsesWire {
    /// The response as it begins; what is echoed of the request stands in it.
    base: Value,
    item: String,
    said: Mutex<Said>,
}

/// What has been sent so far.
#[derive(Default)]
struct Said {
    sequence: u64,
    text: String,
    end: Option<LocalEnd>,
}

impl Said {
    /// Events, each numbered after the one before.
    fn events<const N: usize>(&mut self, events: [(&str, Value); N]) -> Bytes {
        let mut text = String::new();
        for (name, mut event) in events {
            if let Some(fields) = event.as_object_mut() {
                fields.insert("type".to_owned(), name.into());
                fields.insert("sequence_number".to_owned(), self.sequence.into());
            }
            self.sequence += 1;
            // Writing to memory does not fail.
            let _ = write!(text, "event: {name}\ndata: {event}\n\n");
        }
        text.into()
    }
}

impl ResponsesWire {
    pub(super) fn new(question: &Question, asks: &Asks, sampling: &LocalSampling) -> Self {
        let id = question.exchange.replace('-', "");
        let base = json!({
            "id": format!("resp_{id}"),
            "object": "response",
            "created_at": question.created,
            "status": "in_progress",
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": asks.instructions,
            "max_output_tokens": asks.max_output_tokens,
            "metadata": asks.metadata.clone().unwrap_or_else(|| json!({})),
            "model": question.model,
            "output": [],
            "parallel_tool_calls": asks.parallel_tool_calls.unwrap_or(true),
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            // Nothing can be asked for later, whatever was asked.
            "store": false,
            "temperature": sampling.temperature,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": asks.tools.clone().unwrap_or_default(),
            "top_p": sampling.top_p,
            "truncation": if asks.truncation == Some(Truncation::Auto) { "auto" } else { "disabled" },
            "usage": null,
        });
        Self {
            base,
            item: format!("msg_{id}"),
            said: Mutex::default(),
        }
    }

    fn part(text: &str) -> Value {
        json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
    }

    fn item(&self, status: &str, parts: &[Value]) -> Value {
        json!({ "id": self.item, "type": "message", "status": status, "role": "assistant", "content": parts })
    }

    /// The response with its answer.
    fn ended(&self, text: &str, end: Option<LocalEnd>, usage: &ChatUsage) -> Value {
        let mut response = self.base.clone();
        let status = status(end);
        let more = json!({
            "status": status,
            "incomplete_details": (status == "incomplete").then(|| json!({ "reason": "max_output_tokens" })),
            "output": [self.item(status, &[Self::part(text)])],
            "usage": {
                "input_tokens": usage.prompt_tokens,
                "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
                "output_tokens": usage.completion_tokens,
                "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": usage.total_tokens,
            },
        });
        if let (Some(fields), Value::Object(more)) = (response.as_object_mut(), more) {
            fields.extend(more);
        }
        response
    }
}

fn status(end: Option<LocalEnd>) -> &'static str {
    match end {
        Some(LocalEnd::Length) => "incomplete",
        _ => "completed",
    }
}

impl Wire for ResponsesWire {
    fn opening(&self, _: u64) -> Option<Bytes> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = json!({ "response": self.base });
        let place = json!({ "output_index": 0, "item": self.item("in_progress", &[]) });
        let part = json!({ "item_id": self.item, "output_index": 0, "content_index": 0, "part": Self::part("") });
        Some(said.events([
            ("response.created", begun.clone()),
            ("response.in_progress", begun),
            ("response.output_item.added", place),
            ("response.content_part.added", part),
        ]))
    }

    fn piece(&self, _: u64, piece: &Piece) -> Bytes {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |mut more: Value| {
            if let Some(fields) = more.as_object_mut() {
                fields.insert("item_id".to_owned(), self.item.as_str().into());
                fields.insert("output_index".to_owned(), 0.into());
                fields.insert("content_index".to_owned(), 0.into());
            }
            more
        };
        if piece.end.is_none() {
            said.text.push_str(&piece.text);
            let delta = at(json!({ "delta": piece.text, "logprobs": [] }));
            return said.events([("response.output_text.delta", delta)]);
        }
        said.end = piece.end;
        let whole = Self::part(&said.text);
        let text = at(json!({ "text": said.text, "logprobs": [] }));
        let item = json!({ "output_index": 0, "item": self.item(status(piece.end), std::slice::from_ref(&whole)) });
        said.events([
            ("response.output_text.done", text),
            ("response.content_part.done", at(json!({ "part": whole }))),
            ("response.output_item.done", item),
        ])
    }

    fn usage(&self, usage: &ChatUsage) -> Bytes {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let name = match status(said.end) {
            "incomplete" => "response.incomplete",
            _ => "response.completed",
        };
        let response = json!({ "response": self.ended(&said.text, said.end, usage) });
        said.events([(name, response)])
    }

    fn whole(&self, choices: &[Piece], usage: &ChatUsage) -> Bytes {
        let (text, end) = choices
            .first()
            .map_or(("", None), |piece| (piece.text.as_str(), piece.end));
        choices::json(&self.ended(text, end, usage))
    }

    fn says_done(&self) -> bool {
        false
    }
}
