//! Reads a stream of server-sent events while its bytes pass through: where each event ends, and the few facts in it that the
//! record and the bill need. However the network cuts the bytes, the events are the same.
//! Sources: WHATWG HTML, section 9.2.6; OpenAI API reference, "Streaming" of chat completions, completions and responses.
//!
//! It does not know what is done with an event, and changes no byte.

use std::{borrow::Cow, ops::Range};

use bytes::{Bytes, BytesMut};
use cultivar_record::{TokenCount, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest event that is waited for, in bytes.
const LONGEST_EVENT: usize = 32 << 20;
/// A byte order mark, which may stand before everything else.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// One event: its bytes as they came, with the blank line that ends it, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its bytes.
    pub raw: Bytes,
    /// What it says.
    pub told: Told,
    /// Tokens used so far, where the event says it.
    pub usage: Option<Usage>,
    /// Where its field `usage` stands in the bytes, with the comma that goes with it.
    usage_at: Option<Range<usize>>,
}

impl Event {
    /// Adds its bytes without the field `usage`: for a client that did not ask for it.
    pub fn put_without_usage(&self, to: &mut BytesMut) {
        let Range { start, end } = self.usage_at.clone().unwrap_or(0..0);
        to.extend_from_slice(self.raw.get(..start).unwrap_or_default());
        to.extend_from_slice(self.raw.get(end..).unwrap_or_default());
    }

    /// Whether it has a field `usage`, be it `null`.
    pub const fn has_usage(&self) -> bool {
        self.usage_at.is_some()
    }
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
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    response: Option<ResponseFacts<'a>>,
}

/// A value that is there, be it `null`: its place counts.
fn even_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct ChoiceFacts<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ResponseFacts<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Deserialize)]
struct UsageFacts {
    #[serde(default, alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(default, alias = "output_tokens")]
    completion_tokens: Option<u64>,
}

impl UsageFacts {
    /// A usage that counts nothing is none, and one that cannot be read is no reason to lose an answer.
    fn counted(raw: &RawValue) -> Option<Usage> {
        let told: Self = serde_json::from_str(raw.get()).ok()?;
        let counted = |tokens: Option<u64>| TokenCount::new(tokens.unwrap_or(0));
        (told.prompt_tokens.or(told.completion_tokens).is_some())
            .then(|| Usage::counted(counted(told.prompt_tokens), counted(told.completion_tokens)))
    }
}

impl Facts<'_> {
    /// Tokens used, where the provider says it.
    pub fn usage(&self) -> Option<Usage> {
        let response = self.response.as_ref().and_then(|response| response.usage);
        self.told_usage().or(response).and_then(UsageFacts::counted)
    }

    fn told_usage(&self) -> Option<&RawValue> {
        self.usage.filter(|usage| usage.get() != "null")
    }

    /// Whether a whole answer is an error in place of one.
    pub const fn is_refusal(&self) -> bool {
        self.error.is_some() && self.choices.is_none() && self.id.is_none()
    }

    /// Whether a whole answer holds choices.
    pub const fn has_choices(&self) -> bool {
        self.choices.is_some()
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
            Some(choices) if choices.is_empty() && self.told_usage().is_some() => Told::UsageAlone,
            _ => Told::Piece,
        }
    }
}

/// Splits a stream into its events.
#[derive(Default)]
pub struct Scanner {
    pending: BytesMut,
    at: Place,
}

/// Where reading goes on.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Where the last line of what is pending begins.
    line: usize,
    /// The last byte was a carriage return: a line feed right after it ends no line of its own.
    after_return: bool,
}

impl Scanner {
    /// Whether everything that came so far was whole events.
    pub fn is_between_events(&self) -> bool {
        self.pending.is_empty()
    }

    /// The events that these bytes complete.
    pub fn feed(&mut self, mut bytes: Bytes) -> Vec<Event> {
        let mut events = Vec::new();
        if self.pending.is_empty() {
            while let Some(end) = end_of_event(&bytes, &mut self.at) {
                events.push(read(bytes.split_to(end)));
            }
            self.pending.extend_from_slice(&bytes);
        } else {
            self.pending.extend_from_slice(&bytes);
            while let Some(end) = end_of_event(&self.pending, &mut self.at) {
                events.push(read(self.pending.split_to(end).freeze()));
            }
        }
        if self.pending.len() > LONGEST_EVENT {
            events.push(Event {
                raw: self.pending.split().freeze(),
                told: Told::Garbage,
                usage: None,
                usage_at: None,
            });
            self.at = Place::default();
        }
        events
    }

    /// What is left at the end of the stream: an event without the blank line that should end it.
    pub fn rest(&mut self) -> Option<Event> {
        self.at = Place::default();
        let rest = self.pending.split().freeze();
        (!rest.is_empty()).then(|| read(rest))
    }
}

/// One past the blank line that ends the first event. The place is then the beginning of the next one.
fn end_of_event(bytes: &[u8], at: &mut Place) -> Option<usize> {
    loop {
        if at.after_return {
            at.line += usize::from(*bytes.get(at.line)? == b'\n');
            at.after_return = false;
        }
        let rest = bytes.get(at.line..)?;
        let length = memchr::memchr2(b'\n', b'\r', rest)?;
        let mut next = at.line + length + 1;
        if rest.get(length) == Some(&b'\r') {
            match bytes.get(next) {
                Some(b'\n') => next += 1,
                Some(_) => {}
                None => at.after_return = true,
            }
        }
        if length == 0 {
            at.line = 0;
            return Some(next);
        }
        at.line = next;
    }
}

fn read(raw: Bytes) -> Event {
    let nothing = |told| (told, None, None);
    let (told, usage, usage_at) = match data(&raw) {
        None => nothing(Told::Nothing),
        Some(data) if data.trim_ascii() == b"[DONE]" => nothing(Told::Done),
        Some(data) => match serde_json::from_slice::<Facts<'_>>(&data) {
            Ok(facts) => {
                let at = facts.usage.and_then(|value| member(&raw, "\"usage\"", value.get()));
                (facts.told(), facts.usage(), at)
            }
            Err(_) => nothing(Told::Garbage),
        },
    };
    Event {
        raw,
        told,
        usage,
        usage_at,
    }
}

/// Where a member of an object stands, with one comma, given its value; nothing where the value is not borrowed from the bytes.
fn member(bytes: &[u8], name: &str, value: &str) -> Option<Range<usize>> {
    let start = (value.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    let end = start + value.len();
    let (before, after) = (bytes.get(..start)?, bytes.get(end..)?);
    let before = before.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let before = before.strip_suffix(name.as_bytes())?;
    if let Some(before) = before.trim_ascii_end().strip_suffix(b",") {
        return Some(before.len()..end);
    }
    let rest = after.trim_ascii_start();
    let rest = rest.strip_prefix(b",").map_or(rest, <[u8]>::trim_ascii_start);
    Some(before.len()..bytes.len() - rest.len())
}

/// The data of the first event where it tells an error: nothing of the answer has come then. Nothing where the event is not whole
/// in these bytes.
pub fn first_error(bytes: &Bytes) -> Option<Vec<u8>> {
    let events = Scanner::default().feed(bytes.clone());
    let first = events.first().filter(|event| event.told == Told::Error)?;
    data(&first.raw).map(Cow::into_owned)
}

/// The data of an event: nearly always one line, borrowed; several are joined.
pub fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut found: Option<Cow<'_, [u8]>> = None;
    let event = event.strip_prefix(MARK).unwrap_or(event);
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

    #[test]
    fn a_usage_that_counts_nothing_or_cannot_be_read_is_none() {
        for usage in [
            "{}",
            "null",
            "{\"prompt_tokens\":-1}",
            "{\"prompt_tokens\":\"3\"}",
            "[]",
            "7",
        ] {
            let text = format!("data: {{\"choices\":[{{\"delta\":{{}}}}],\"usage\":{usage}}}\n\n");
            assert_eq!(told(&text), [(Told::Piece, None)], "{usage}");
        }
    }

    #[test]
    fn an_error_in_place_of_a_whole_answer_is_a_refusal() {
        let is_refusal = |text| serde_json::from_str::<Facts<'_>>(text).unwrap().is_refusal();
        assert!(is_refusal(r#"{"error":{"message":"m"}}"#));
        assert!(!is_refusal(
            r#"{"id":"resp","object":"response","status":"failed","error":{"code":"server_error"}}"#
        ));
        assert!(!is_refusal(r#"{"id":"c","choices":[],"error":null}"#));
    }

    #[test]
    fn the_usage_that_nobody_asked_for_leaves_no_trace() {
        for (chunk, without) in [
            (r#"{"choices":[],"usage":null}"#, r#"{"choices":[]}"#),
            (r#"{"usage":null,"choices":[]}"#, r#"{"choices":[]}"#),
            (
                r#"{"id":"c" , "usage" : {"prompt_tokens":1} , "x":"usage"}"#,
                r#"{"id":"c"  , "x":"usage"}"#,
            ),
            (r#"{"usage":null}"#, "{}"),
            (
                r#"{"x":{"usage":null},"y":"\"usage\":null"}"#,
                r#"{"x":{"usage":null},"y":"\"usage\":null"}"#,
            ),
        ] {
            let text = format!("id: 1\ndata: {chunk}\r\n\n");
            let events = Scanner::default().feed(Bytes::from(text));
            let expected = format!("id: 1\ndata: {without}\r\n\n");
            let mut found = BytesMut::new();
            events[0].put_without_usage(&mut found);
            assert_eq!(found, expected, "{chunk}");
            assert_eq!(events[0].has_usage(), chunk.len() != without.len());
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_network_cuts(cuts in proptest::collection::vec(1_usize..9, 0..120), end in 0_usize..3) {
            let text = "\u{feff}data: {\"choices\":[{\"delta\":{}}]}\n\n: x\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"é中\"}}]}\n\ndata: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n";
            let text = text.replace('\n', ["\n", "\r\n", "\r"][end]);
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
            prop_assert_eq!(facts(&events), facts(&Scanner::default().feed(whole)));
            let usage = Usage::counted(TokenCount::new(3), TokenCount::new(7));
            let told = [(Told::Piece, None), (Told::Piece, None), (Told::UsageAlone, Some(usage)), (Told::Done, None)];
            prop_assert_eq!(facts(&events), told);
        }
    }
}
