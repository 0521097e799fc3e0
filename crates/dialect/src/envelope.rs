//! The envelope of a request: the few fields that the door reads, borrowed from the bytes, and the few spans that it changes in
//! them. Everything else passes through as it came, unread.
//!
//! It does not know what the fields mean to a provider, or whether a value is one that a model can take.

use std::{borrow::Cow, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};
use cultivar_record::without_values;
use cultivar_record::{Endpoint, TokenCount};
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

/// Bytes of a request that are one token at most in nearly every text: what is reserved before a provider has counted.
const BYTES_PER_TOKEN: u64 = 3;
/// Tokens of an answer that are reserved where the request sets no limit.
const ANSWER_TOKENS: u64 = 1_024;

/// A request that cannot be read. None of it repeats what a person said.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct EnvelopeError {
    /// What is wrong.
    pub message: String,
    /// The field, where it is known.
    pub param: Option<String>,
}

impl EnvelopeError {
    fn of(param: &str, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            param: Some(param.to_owned()),
        }
    }
}

/// What the door reads of a request.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The model asked for.
    pub model: Cow<'a, str>,
    /// Whether the answer is to come as events.
    pub stream: bool,
    /// Whether the client asked for the usage at the end of a stream.
    pub stream_usage: bool,
    body: &'a Bytes,
    model_span: Range<usize>,
    options: Options,
    most_tokens: Option<u64>,
    answers: u64,
}

/// Where `stream_options` stands.
#[derive(Debug)]
enum Options {
    Absent,
    At(Range<usize>, Option<String>),
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(default)]
    max_tokens: Option<u64>,
    #[serde(default)]
    max_completion_tokens: Option<u64>,
    #[serde(default)]
    max_output_tokens: Option<u64>,
    #[serde(default)]
    n: Option<u64>,
    #[serde(default)]
    temperature: Option<f64>,
    #[serde(default)]
    top_p: Option<f64>,
}

/// A value that is there, be it `null`: its place counts.
fn even_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a request.
    ///
    /// # Errors
    /// `invalid_request`, naming the field where that is known: a body that is no JSON object, a field twice, a value of the
    /// wrong kind, no messages.
    pub fn read(endpoint: Endpoint, body: &'a Bytes) -> Result<Self, EnvelopeError> {
        let text = std::str::from_utf8(body).map_err(|_| EnvelopeError {
            message: "the body is not UTF-8 text".to_owned(),
            param: None,
        })?;
        let fields: Fields<'a> = serde_json::from_str(text).map_err(|e| unreadable(endpoint, &e))?;
        check(endpoint, &fields)?;
        let model: Cow<'a, str> = serde_json::from_str(fields.model.get())
            .map_err(|_| EnvelopeError::of("model", "`model` must be a string"))?;
        let stream = fields.stream == Some(true);
        let (options, stream_usage) = match fields.stream_options {
            Some(raw) if stream => read_options(text, raw)?,
            _ => (Options::Absent, false),
        };
        Ok(Self {
            model,
            stream,
            stream_usage,
            body,
            model_span: span(text, fields.model),
            options,
            most_tokens: fields
                .max_completion_tokens
                .or(fields.max_output_tokens)
                .or(fields.max_tokens),
            answers: fields.n.unwrap_or(1).max(1),
        })
    }

    /// The tokens that the call will use at most, as far as that can be known: prompt and answer.
    pub fn estimate(&self) -> (TokenCount, TokenCount) {
        let prompt = u64::try_from(self.body.len()).unwrap_or(u64::MAX) / BYTES_PER_TOKEN + 1;
        let answer = self.most_tokens.unwrap_or(ANSWER_TOKENS).saturating_mul(self.answers);
        (TokenCount::new(prompt), TokenCount::new(answer))
    }

    /// The request for a provider: its own name for the model, and usage asked for at the end of a stream. The bytes of
    /// everything else are those that came.
    pub fn patched(&self, endpoint: Endpoint, provider_model: &str) -> Bytes {
        let name = (provider_model != self.model).then(|| quoted(provider_model));
        let wants_usage =
            self.stream && !self.stream_usage && matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions);
        if name.is_none() && !wants_usage {
            return self.body.clone();
        }
        let mut edits = Vec::with_capacity(2);
        if let Some(name) = name {
            edits.push((self.model_span.clone(), name));
        }
        if wants_usage {
            edits.push(match &self.options {
                Options::At(span, rest) => (span.clone(), with_usage(rest.as_deref())),
                Options::Absent => {
                    let end = self
                        .body
                        .iter()
                        .rposition(|byte| *byte == b'}')
                        .unwrap_or(self.body.len());
                    (end..end, format!(",\"stream_options\":{}", with_usage(None)))
                }
            });
        }
        edits.sort_by_key(|(span, _)| span.start);
        apply(self.body, &edits)
    }
}

fn check(endpoint: Endpoint, fields: &Fields<'_>) -> Result<(), EnvelopeError> {
    if endpoint == Endpoint::ChatCompletions {
        let messages = fields.messages.map(RawValue::get).unwrap_or_default();
        let inside = messages.strip_prefix('[').map(str::trim_start);
        match inside {
            None => {
                return Err(EnvelopeError::of("messages", "`messages` must be an array of messages"));
            }
            Some(inside) if inside.starts_with(']') => {
                return Err(EnvelopeError::of(
                    "messages",
                    "`messages` must hold at least one message",
                ));
            }
            Some(_) => {}
        }
    }
    for (name, value, most) in [("temperature", fields.temperature, 2.0), ("top_p", fields.top_p, 1.0)] {
        if value.is_some_and(|value| !(0.0..=most).contains(&value)) {
            return Err(EnvelopeError::of(
                name,
                format!("`{name}` must lie between 0 and {most}"),
            ));
        }
    }
    if fields.max_completion_tokens.or(fields.max_tokens) == Some(0) && endpoint == Endpoint::ChatCompletions {
        return Err(EnvelopeError::of("max_tokens", "`max_tokens` must be at least 1"));
    }
    Ok(())
}

fn unreadable(endpoint: Endpoint, error: &serde_json::Error) -> EnvelopeError {
    let told = without_values(error);
    let param = told.split('`').nth(1).filter(|_| told.starts_with("missing field"));
    EnvelopeError {
        param: param.map(str::to_owned),
        message: format!("the body is not a request for `{endpoint}`: {told}"),
    }
}

#[derive(Deserialize)]
struct GivenOptions {
    #[serde(default)]
    include_usage: Option<bool>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// Where the options stand, what they hold besides usage, and whether they ask for usage.
fn read_options(text: &str, raw: &RawValue) -> Result<(Options, bool), EnvelopeError> {
    let at = span(text, raw);
    let given: Option<GivenOptions> = serde_json::from_str(raw.get())
        .map_err(|_| EnvelopeError::of("stream_options", "`stream_options` must be an object"))?;
    let Some(given) = given else {
        return Ok((Options::At(at, None), false));
    };
    let rest = serde_json::to_string(&given.rest)
        .ok()
        .filter(|_| !given.rest.is_empty());
    Ok((Options::At(at, rest), given.include_usage == Some(true)))
}

/// `stream_options` that ask for usage, with whatever else was there: a JSON object's text.
fn with_usage(rest: Option<&str>) -> String {
    let rest = rest.and_then(|rest| rest.strip_prefix('{')).unwrap_or("}");
    let comma = if rest == "}" { "" } else { "," };
    format!("{{\"include_usage\":true{comma}{rest}")
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Where a borrowed value stands in the text that it was borrowed from.
fn span(text: &str, raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + raw.get().len()
}

/// The bytes with spans replaced; the spans are in order and apart.
fn apply(body: &[u8], edits: &[(Range<usize>, String)]) -> Bytes {
    let more: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut patched = BytesMut::with_capacity(body.len() + more);
    let mut end = 0;
    for (span, text) in edits {
        patched.put_slice(body.get(end..span.start).unwrap_or_default());
        patched.put_slice(text.as_bytes());
        end = span.end;
    }
    patched.put_slice(body.get(end..).unwrap_or_default());
    patched.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patched(text: &str, model: &str) -> String {
        let body = Bytes::copy_from_slice(text.as_bytes());
        let envelope = Envelope::read(Endpoint::ChatCompletions, &body).unwrap();
        String::from_utf8(envelope.patched(Endpoint::ChatCompletions, model).to_vec()).unwrap()
    }

    #[test]
    fn only_the_model_and_the_usage_are_changed() {
        let text = "{ \"model\" : \"m\" ,\n \"messages\":[{\"role\":\"user\",\"content\":\"a\\u00e9\"}], \"x\":{\"model\":\"m\"} }";
        assert_eq!(patched(text, "m"), text);
        assert_eq!(patched(text, "large"), text.replacen("\"m\"", "\"large\"", 1));
        let streaming = r#"{"stream":true,"messages":[1],"model":"m"}"#;
        let with = r#"{"stream":true,"messages":[1],"model":"m","stream_options":{"include_usage":true}}"#;
        assert_eq!(patched(streaming, "m"), with);
        assert_eq!(patched(with, "m"), with);
        let other = r#"{"stream_options":{"include_obfuscation":false},"model":"m","messages":[1],"stream":true}"#;
        let both = r#"{"stream_options":{"include_usage":true,"include_obfuscation":false},"model":"l","messages":[1],"stream":true}"#;
        assert_eq!(patched(other, "l"), both);
        let null = r#"{"stream_options":null,"model":"m","messages":[1],"stream":true}"#;
        assert_eq!(
            patched(null, "m"),
            r#"{"stream_options":{"include_usage":true},"model":"m","messages":[1],"stream":true}"#
        );
    }

    #[test]
    fn what_is_wrong_names_its_field_and_quotes_nobody() {
        let told = |text: &str| {
            let body = Bytes::copy_from_slice(text.as_bytes());
            let error = Envelope::read(Endpoint::ChatCompletions, &body).unwrap_err();
            let EnvelopeError { message, param } = error;
            assert!(!message.contains("secret"), "{message}");
            param.unwrap_or_default()
        };
        assert_eq!(told(r#"{"messages":[]}"#), "model");
        assert_eq!(told(r#"{"model":["secret"],"messages":[1]}"#), "model");
        assert_eq!(told(r#"{"model":"m","messages":"secret"}"#), "messages");
        assert_eq!(told(r#"{"model":"m","messages":[ ]}"#), "messages");
        assert_eq!(told(r#"{"model":"m","messages":[1],"temperature":3}"#), "temperature");
        assert_eq!(told(r#"{"model":"m","model":"secret","messages":[1]}"#), "");
        assert_eq!(told("secret"), "");
    }

    proptest! {
        #[test]
        fn whatever_a_body_holds_passes_through(model in ".{0,20}", word in ".{0,40}", name in "[a-z_]{1,12}_x", stream: bool) {
            let body = serde_json::json!({ "model": model, "messages": [{ "role": "user", "content": word }], name: word, "stream": stream });
            let text = body.to_string();
            let mut expected = body;
            expected["model"] = "other".into();
            if stream {
                expected["stream_options"] = serde_json::json!({ "include_usage": true });
            }
            let found: serde_json::Value = serde_json::from_str(&patched(&text, "other")).unwrap();
            prop_assert_eq!(found, expected);
        }
    }
}
