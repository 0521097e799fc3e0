//! A whole answer of the Messages API becomes a chat completion.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    ending::{CompletionUsage, StopDetails, Usage, finish_reason},
    parts::Text,
};
use crate::translate::TranslateError;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
    stop_details: Option<StopDetails>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: CompletionUsage,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Said<'a>,
    logprobs: (),
    finish_reason: &'static str,
    native_finish_reason: &'a str,
}

#[derive(Default, Serialize)]
struct Said<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    /// The thinking with its signatures: a client that answers calls of tools gives it back in the assistant's message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<&'a RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: Text<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: Text<'a>,
    arguments: &'a str,
}

/// Translates an answer: the body of a Messages answer in, the body of a chat completion out. `model` is the name that the client
/// asked for, `created` the time of the answer in seconds since 1970.
///
/// # Errors
/// [`TranslateError::Answer`] where the body is not a Messages answer.
pub fn to_completion(body: &[u8], model: &str, created: i64) -> Result<Vec<u8>, TranslateError> {
    let message: Message<'_> = serde_json::from_slice(body).map_err(|e| TranslateError::answer(&e))?;
    if message.kind != "message" {
        return Err(TranslateError::Answer {
            reason: "it is not a message".to_owned(),
        });
    }
    let mut said = said(&message.content)?;
    let details = message.stop_details.as_ref();
    said.refusal = details.and_then(|details| details.explanation.as_deref());
    let stop_reason = message.stop_reason.as_deref().unwrap_or("end_turn");
    let completion = Completion {
        id: &message.id,
        object: "chat.completion",
        created,
        model,
        choices: [Choice {
            index: 0,
            message: said,
            logprobs: (),
            finish_reason: finish_reason(stop_reason),
            native_finish_reason: stop_reason,
        }],
        usage: message.usage.of_completion(),
    };
    serde_json::to_vec(&completion).map_err(|e| TranslateError::answer(&e))
}

/// What was said, block by block. Kinds that are not known are passed over: the API may add some within a version.
fn said<'a>(content: &[&'a RawValue]) -> Result<Said<'a>, TranslateError> {
    let mut said = Said {
        role: "assistant",
        ..Said::default()
    };
    for block in content.iter().copied() {
        let part: Content<'a> = serde_json::from_str(block.get()).map_err(|e| TranslateError::answer(&e))?;
        match &*part.kind {
            "text" => said
                .content
                .get_or_insert_default()
                .push_str(&needed(part.text, "text")?.0),
            "thinking" => {
                let thinking = needed(part.thinking, "thinking")?;
                said.reasoning.get_or_insert_default().push_str(&thinking.0);
                said.thinking_blocks.push(block);
            }
            "redacted_thinking" => said.thinking_blocks.push(block),
            "tool_use" => said.tool_calls.push(ToolCall {
                id: needed(part.id, "id")?,
                kind: "function",
                function: Function {
                    name: needed(part.name, "name")?,
                    arguments: needed(part.input, "input")?.get(),
                },
            }),
            _ => {}
        }
    }
    // Both names are in use among OpenAI-compatible servers, and clients look for one or the other.
    said.reasoning_content.clone_from(&said.reasoning);
    Ok(said)
}

fn needed<T>(value: Option<T>, name: &'static str) -> Result<T, TranslateError> {
    value.ok_or_else(|| TranslateError::Answer {
        reason: format!("a block has no `{name}`"),
    })
}

#[cfg(test)]
mod tests;
