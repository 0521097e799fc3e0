//! Reads a stream of server-sent events while its bytes pass through: where each event ends, and the few facts in it that the
//! record and the bill need. However the network cuts the bytes, the events are the same.
//! Sources: WHATWG HTML, section 9.2.6; OpenAI API reference, "Streaming" of chat completions, completions and responses.
//!
//! It does not know what is done with an event, and changes no byte.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use cultivar_record::{TokenCount, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest event that is waited for, in bytes.
const LONGEST_EVENT: usize = 32 << 20;

/// One event: its bytes as they came, with the blank line that ends it, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub raw: Bytes,
    pub told: Told,
    /// Tokens used so far, where the event says it.
    pub usage: Option<Usage>,
}

/// What an event says, as far as the door must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A comment, or an event without data.
    Nothing,
    /// A piece of the answer.
    Piece,
    /// A choice has ended, or the response has.
    End,
    /// Usage, and nothing else.
    UsageAlone,
    /// An error in place of the rest.
    Error,
    /// `[DONE]`.
    Done,
    /// Data that is neither JSON nor `[DONE]`, or an event that does not end.
    Garbage,
}

/// The facts of a chunk, of an event of the responses API, or of a whole answer.
#[derive(Deserialize)]
pub struct Facts<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<ChoiceFacts<'a>>>,
    #[serde(default)]
    usage: Option<UsageFacts>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(default)]
    response: Option<ResponseFacts>,
}

#[derive(Deserialize)]
struct ChoiceFacts<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ResponseFacts {
    #[serde(default)]
    usage: Option<UsageFacts>,
}

#[derive(Clone, Copy, Deserialize)]
struct UsageFacts {
    #[serde(default, alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(default, alias = "output_tokens")]
    completion_tokens: Option<u64>,
}

impl UsageFacts {
    fn counted(self) -> Usage {
        Usage::counted(
            TokenCount::new(self.prompt_tokens.unwrap_or(0)),
            TokenCount::new(self.completion_tokens.unwrap_or(0)),
        )
    }
}

impl Facts<'_> {
    /// Tokens used, where the provider says it.
    pub fn usage(&self) -> Option<Usage> {
        let response = self.response.as_ref().and_then(|response| response.usage);
        self.usage.or(response).map(UsageFacts::counted)
    }

    fn told(&self) -> Told {
        if let Some(kind) = &self.kind {
            match kind.as_ref() {
                "response.completed" | "response.incomplete" | "response.failed" => return Told::End,
                "error" => return Told::Error,
                _ => {}
            }
        }
        match &self.choices {
            _ if self.error.is_some() => Told::Error,
            Some(choices) if choices.iter().any(|choice| choice.finish_reason.is_some()) => Told::End,
            Some(choices) if choices.is_empty() && self.usage.is_some() => Told::UsageAlone,
            _ => Told::Piece,
        }
    }
}

/// Splits a stream into its events.
#[derive(Default)]
pub struct Scanner {
    pending: BytesMut,
    /// Where the last line of `pending` begins.
    line: usize,
}

impl Scanner {
    /// The events that these bytes complete.
    pub fn feed(&mut self, mut bytes: Bytes) -> Vec<Event> {
        let mut events = Vec::new();
        if self.pending.is_empty() {
            let mut line = 0;
            while let Some(end) = end_of_event(&bytes, &mut line) {
                events.push(read(bytes.split_to(end)));
                line = 0;
            }
            self.line = line;
            self.pending.extend_from_slice(&bytes);
            bytes.advance(bytes.len());
        } else {
            self.pending.extend_from_slice(&bytes);
            while let Some(end) = end_of_event(&self.pending, &mut self.line) {
                events.push(read(self.pending.split_to(end).freeze()));
                self.line = 0;
            }
        }
        if self.pending.len() > LONGEST_EVENT {
            events.push(Event {
                raw: self.pending.split().freeze(),
                told: Told::Garbage,
                usage: None,
            });
            self.line = 0;
        }
        events
    }

    /// What is left at the end of the stream: an event without the blank line that should end it.
    pub fn rest(&mut self) -> Option<Event> {
        self.line = 0;
        let rest = self.pending.split().freeze();
        (!rest.is_empty()).then(|| read(rest))
    }
}

/// One past the blank line that ends the first event; `line` is where the line begins at which to go on.
fn end_of_event(bytes: &[u8], line: &mut usize) -> Option<usize> {
    loop {
        let rest = bytes.get(*line..)?;
        let length = memchr::memchr2(b'\n', b'\r', rest)?;
        let mut next = *line + length + 1;
        if rest.get(length) == Some(&b'\r') {
            // Whether a line feed belongs to it is known once the next byte is here.
            match bytes.get(next) {
                None => return None,
                Some(b'\n') => next += 1,
                Some(_) => {}
            }
        }
        if length == 0 {
            return Some(next);
        }
        *line = next;
    }
}

fn read(raw: Bytes) -> Event {
    let (told, usage) = match data(&raw) {
        None => (Told::Nothing, None),
        Some(data) if data.trim_ascii() == b"[DONE]" => (Told::Done, None),
        Some(data) => match serde_json::from_slice::<Facts<'_>>(&data) {
            Ok(facts) => (facts.told(), facts.usage()),
            Err(_) => (Told::Garbage, None),
        },
    };
    Event { raw, told, usage }
}

/// The data of an event: nearly always one line, borrowed; several are joined.
pub fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut found: Option<Cow<'_, [u8]>> = None;
    let event = event.strip_prefix("\u{feff}".as_bytes()).unwrap_or(event);
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let Some(value) = line.strip_prefix(b"data:") else {
            continue;
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut found {
            None => found = Some(Cow::Borrowed(value)),
            Some(data) => {
                let data = data.to_mut();
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> Vec<(Told, Option<u64>)> {
        let mut scanner = Scanner::default();
        let mut events = scanner.feed(Bytes::copy_from_slice(text.as_bytes()));
        events.extend(scanner.rest());
        let usage = |event: &Event| event.usage.map(|usage| usage.completion.get());
        events.iter().map(|event| (event.told, usage(event))).collect()
    }

    #[test]
    fn events_say_what_the_door_must_know() {
        let text = concat!(
            ": keep-alive\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}],\"usage\":null}\n\n",
            "data:{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":7}}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n",
            "data: {\"error\":{\"message\":\"m\"}}\n\n",
            "data: <html>\n\n",
            "data: [DONE]",
        );
        assert_eq!(
            told(text),
            [
                (Told::Nothing, None),
                (Told::Piece, None),
                (Told::End, None),
                (Told::UsageAlone, Some(7)),
                (Told::End, Some(2)),
                (Told::Error, None),
                (Told::Garbage, None),
                (Told::Done, None),
            ]
        );
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_network_cuts(cuts in proptest::collection::vec(1_usize..9, 0..120), crlf: bool) {
            let text = ": x\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"é中\"}}]}\n\ndata: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n";
            let text = if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
            let whole = Bytes::copy_from_slice(text.as_bytes());
            let mut scanner = Scanner::default();
            let (mut rest, mut events) = (whole.clone(), Vec::new());
            for cut in cuts {
                events.extend(scanner.feed(rest.split_to(cut.min(rest.len()))));
            }
            events.extend(scanner.feed(rest));
            events.extend(scanner.rest());
            let bytes: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
            prop_assert_eq!(bytes, whole.to_vec());
            let facts = |events: &[Event]| -> Vec<_> {
                events.iter().filter(|e| e.told != Told::Nothing).map(|e| (e.told, e.usage)).collect()
            };
            let at_once = Scanner::default().feed(whole);
            prop_assert_eq!(facts(&events), facts(&at_once));
        }
    }
}
