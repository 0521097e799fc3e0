//! A chat completion request becomes a Messages request.
//!
//! Three kinds of parameters: those that have a counterpart are translated; those that have none and would change the answer are
//! refused by name; those that have none and change no answer are passed over ([`PASSED_OVER`] says why). Whatever OpenAI's API does
//! not know (`thinking`, `top_k`, `container` …) is given to the provider as it came, and the provider judges it.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    conversation::{Conversation, Turn},
    parts::{Block, Text},
    tools::{Tool, ToolChoice, tool_choice, tools},
};
use crate::translate::TranslateError;

/// How long an answer may be, in tokens, where the request does not say: the Messages API demands a number, the chat completions
/// API none. Small enough for every model that the API serves.
pub const DEFAULT_MAX_TOKENS: u64 = 4096;
/// Temperatures end here. OpenAI's go to 2; a higher one is taken for this one, as Anthropic's own compatible endpoint does.
const HIGHEST_TEMPERATURE: f64 = 1.0;
/// What OpenAI's temperatures go to.
const HIGHEST_GIVEN_TEMPERATURE: f64 = 2.0;
/// A value that both APIs have as their default is not sent: models that take no sampling parameters refuse even that.
const DEFAULT_SAMPLING: f64 = 1.0;

/// Parameters without counterpart that would change the answer, the values by which they ask for nothing, and what to do instead.
const REFUSED: [(&str, &[&str], &str); 12] = [
    ("n", &["1"], "ask once for every answer"),
    (
        "logprobs",
        &["false"],
        "leave it out: this provider tells no probabilities",
    ),
    (
        "top_logprobs",
        &["0"],
        "leave it out: this provider tells no probabilities",
    ),
    ("logit_bias", &["{}"], "say in the instructions what is to be avoided"),
    ("frequency_penalty", &["0", "0.0"], "leave it out"),
    ("presence_penalty", &["0", "0.0"], "leave it out"),
    ("audio", &[], "ask for text"),
    ("modalities", &[r#"["text"]"#], "ask for text"),
    ("functions", &["[]"], "use `tools`"),
    ("function_call", &[r#""none""#], "use `tool_choice`"),
    ("web_search_options", &[], "give a tool that searches"),
    ("moderation", &[], "ask for moderation separately"),
];

/// Parameters without counterpart that change no answer, and why.
pub const PASSED_OVER: [(&str, &str); 8] = [
    ("stream_options", "the translated stream always tells its usage"),
    (
        "seed",
        "a best effort by OpenAI's own words: any answer is one that it could have given",
    ),
    ("store", "whether OpenAI keeps a copy"),
    (
        "metadata",
        "labels of a copy that OpenAI keeps; `user_id`, which this provider knows, is translated",
    ),
    ("prediction", "makes an answer come sooner, not another one come"),
    (
        "prompt_cache_key",
        "a hint for a cache; this provider has `cache_control`",
    ),
    (
        "prompt_cache_retention",
        "a hint for a cache; this provider has `cache_control`",
    ),
    (
        "prompt_cache_options",
        "a hint for a cache; this provider has `cache_control`",
    ),
];

#[derive(Serialize)]
struct MessagesRequest<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_sequences: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    /// What OpenAI's API does not know.
    #[serde(flatten)]
    own: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

#[derive(Deserialize, Serialize)]
struct Metadata<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    user_id: Option<Text<'a>>,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
}

#[derive(Serialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a RawValue,
}

#[derive(Serialize)]
struct Thinking {
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Translates a request: the body of a chat completion request in, the body of a Messages request for `provider_model` out.
///
/// # Errors
/// [`TranslateError::Request`] where the body is not a chat completion request, or asks for something that would change the answer
/// and that the Messages API has no words for.
pub fn to_messages(body: &[u8], provider_model: &str) -> Result<Vec<u8>, TranslateError> {
    let mut given = Given::read(body)?;
    given.refuse_what_cannot_be_said()?;
    let Conversation { system, turns } = Conversation::read(given.needed("messages")?)?;
    let tools = tools(given.raw("tools"))?;
    let choice = tool_choice(
        given.raw("tool_choice"),
        given.value("parallel_tool_calls")?,
        !tools.is_empty(),
    )?;
    let (effort, thinking) = effort(given.value("reasoning_effort")?)?;
    let output_config = OutputConfig {
        effort,
        format: format(given.value("response_format")?)?,
    };
    let request = MessagesRequest {
        model: provider_model,
        max_tokens: max_tokens(&mut given)?,
        system,
        messages: turns,
        stream: given.value("stream")?,
        temperature: temperature(given.value("temperature")?)?,
        top_p: top_p(given.value("top_p")?)?,
        stop_sequences: stop_sequences(given.value("stop")?),
        tools,
        tool_choice: choice,
        metadata: metadata(&mut given)?,
        output_config: (output_config.effort.is_some() || output_config.format.is_some()).then_some(output_config),
        thinking,
        service_tier: service_tier(given.value::<Text<'_>>("service_tier")?.as_ref())?,
        own: given.rest(),
    };
    request.refuse_what_is_said_twice()?;
    serde_json::to_vec(&request).map_err(|e| TranslateError::wrong("messages", &e))
}

/// The parameters of the request that were not looked at yet.
struct Given<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Given<'a> {
    fn read(body: &'a [u8]) -> Result<Self, TranslateError> {
        let fields = serde_json::from_slice(body).map_err(|e| TranslateError::Request {
            message: format!(
                "the body is not a chat completion request: {}",
                cultivar_record::without_values(&e)
            ),
            param: None,
        })?;
        Ok(Self(fields))
    }

    /// A parameter as it came. `null` is the same as nothing.
    fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name).filter(|value| value.get() != "null")
    }

    fn value<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, TranslateError> {
        self.raw(name)
            .map(|value| serde_json::from_str(value.get()).map_err(|e| TranslateError::wrong(name, &e)))
            .transpose()
    }

    fn needed(&mut self, name: &str) -> Result<&'a RawValue, TranslateError> {
        self.raw(name)
            .ok_or_else(|| TranslateError::request(name, format!("`{name}` is missing")))
    }

    fn refuse_what_cannot_be_said(&mut self) -> Result<(), TranslateError> {
        for (name, nothing, instead) in REFUSED {
            let Some(value) = self.raw(name) else { continue };
            if !nothing.iter().any(|nothing| is_same(value, nothing)) {
                let message = format!("the Messages API has no counterpart of `{name}`; {instead}");
                return Err(TranslateError::request(name, message));
            }
        }
        match self.value::<String>("verbosity")?.as_deref() {
            None | Some("medium") => Ok(()),
            Some(_) => Err(TranslateError::request(
                "verbosity",
                "the Messages API has no counterpart of `verbosity`; say in the instructions how long the answer is to be",
            )),
        }
    }

    fn rest(&mut self) -> BTreeMap<Cow<'a, str>, &'a RawValue> {
        let mut rest = std::mem::take(&mut self.0);
        // The provider has its own name for the model.
        rest.remove("model");
        rest.retain(|name, value| value.get() != "null" && !PASSED_OVER.iter().any(|(passed, _)| passed == name));
        rest
    }
}

fn is_same(value: &RawValue, other: &str) -> bool {
    let read = |text| serde_json::from_str::<Value>(text).ok();
    read(value.get()).is_some_and(|value| read(other) == Some(value))
}

impl MessagesRequest<'_> {
    /// A parameter that came under the provider's own name and is translated from another one as well.
    fn refuse_what_is_said_twice(&self) -> Result<(), TranslateError> {
        let translated = [
            ("system", !self.system.is_empty(), "messages"),
            ("stop_sequences", self.stop_sequences.is_some(), "stop"),
            ("thinking", self.thinking.is_some(), "reasoning_effort"),
            (
                "output_config",
                self.output_config.is_some(),
                "reasoning_effort` or `response_format",
            ),
        ];
        for (name, is_translated, from) in translated {
            if is_translated && self.own.contains_key(name) {
                let message = format!("`{name}` and `{from}` say the same thing to this provider: give one of them");
                return Err(TranslateError::request(name, message));
            }
        }
        Ok(())
    }
}

fn max_tokens(given: &mut Given<'_>) -> Result<u64, TranslateError> {
    let old: Option<u64> = given.value("max_tokens")?;
    let new: Option<u64> = given.value("max_completion_tokens")?;
    match (old, new) {
        (Some(old), Some(new)) if old != new => Err(TranslateError::request(
            "max_tokens",
            "`max_tokens` and `max_completion_tokens` differ: give one of them",
        )),
        _ => Ok(new.or(old).unwrap_or(DEFAULT_MAX_TOKENS)),
    }
}

fn temperature(given: Option<f64>) -> Result<Option<f64>, TranslateError> {
    let Some(given) = given else { return Ok(None) };
    if !(0.0..=HIGHEST_GIVEN_TEMPERATURE).contains(&given) {
        return Err(TranslateError::request(
            "temperature",
            "`temperature` must be between 0 and 2",
        ));
    }
    Ok(unless_default(given.min(HIGHEST_TEMPERATURE)))
}

fn top_p(given: Option<f64>) -> Result<Option<f64>, TranslateError> {
    let Some(given) = given else { return Ok(None) };
    if !(0.0..=1.0).contains(&given) {
        return Err(TranslateError::request("top_p", "`top_p` must be between 0 and 1"));
    }
    Ok(unless_default(given))
}

fn unless_default(value: f64) -> Option<f64> {
    (value < DEFAULT_SAMPLING).then_some(value)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

fn stop_sequences(given: Option<Stop>) -> Option<Vec<String>> {
    match given? {
        Stop::One(one) => Some(vec![one]),
        Stop::Several(several) => (!several.is_empty()).then_some(several),
    }
}

/// The person on whose behalf is asked: `safety_identifier`, or its predecessor `user`, or what this provider itself calls it.
fn metadata<'a>(given: &mut Given<'a>) -> Result<Option<Metadata<'a>>, TranslateError> {
    let newer: Option<Text<'a>> = given.value("safety_identifier")?;
    let older: Option<Text<'a>> = given.value("user")?;
    let own: Option<Metadata<'a>> = given.value("metadata")?;
    let user_id = newer.or(older).or(own.and_then(|own| own.user_id));
    Ok(user_id.map(|user_id| Metadata { user_id: Some(user_id) }))
}

/// How hard to think. Both APIs have the same words but two: OpenAI's `minimal` is the least here, `low`; its `none` turns thinking
/// off. Whether a model takes an effort, and thinks at all unless told so by `thinking`, is the provider's to say.
/// Source: "Effort", "Adaptive thinking".
fn effort(given: Option<String>) -> Result<(Option<&'static str>, Option<Thinking>), TranslateError> {
    let Some(given) = given else { return Ok((None, None)) };
    let effort = match given.as_str() {
        "none" => return Ok((None, Some(Thinking { kind: "disabled" }))),
        "minimal" | "low" => "low",
        "medium" => "medium",
        "high" => "high",
        "xhigh" => "xhigh",
        "max" => "max",
        _ => {
            return Err(TranslateError::request(
                "reasoning_effort",
                "`reasoning_effort` must be one of `none`, `minimal`, `low`, `medium`, `high`, `xhigh` and `max`",
            ));
        }
    };
    Ok((Some(effort), None))
}

#[derive(Deserialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Deserialize)]
struct JsonSchema<'a> {
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

/// Source: "Structured outputs".
fn format(given: Option<ResponseFormat<'_>>) -> Result<Option<Format<'_>>, TranslateError> {
    let Some(given) = given else { return Ok(None) };
    let schema = given.json_schema.and_then(|given| given.schema);
    match (&*given.kind, schema) {
        ("text", _) => Ok(None),
        ("json_schema", Some(schema)) => Ok(Some(Format {
            kind: "json_schema",
            schema,
        })),
        ("json_schema", None) => Err(TranslateError::request(
            "response_format.json_schema.schema",
            "`response_format.json_schema.schema` is missing",
        )),
        _ => Err(TranslateError::request(
            "response_format.type",
            "the Messages API has no counterpart of this format; use `json_schema`",
        )),
    }
}

fn service_tier(given: Option<&Text<'_>>) -> Result<Option<&'static str>, TranslateError> {
    match given.map(|tier| &*tier.0) {
        None => Ok(None),
        Some("auto") => Ok(Some("auto")),
        Some("default" | "standard_only") => Ok(Some("standard_only")),
        Some(_) => Err(TranslateError::request(
            "service_tier",
            "the Messages API knows the service tiers `auto` and `default` only",
        )),
    }
}

#[cfg(test)]
mod tests;
