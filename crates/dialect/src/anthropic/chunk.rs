//! Chunks of a chat completion, as they are written. They do not know what they come from.

use serde::Serialize;

use super::ending::CompletionUsage;

#[derive(Serialize)]
pub(super) struct Chunk<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: i64,
    pub(super) model: &'a str,
    pub(super) choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<CompletionUsage>,
}

#[derive(Serialize)]
pub(super) struct Choice<'a> {
    pub(super) index: u32,
    pub(super) delta: Said<'a>,
    pub(super) logprobs: (),
    pub(super) finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) native_finish_reason: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub(super) struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_blocks: Option<[ThinkingBlock<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_calls: Option<[ToolCall<'a>; 1]>,
}

/// Thinking as the provider wants it back with the results of tools.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingBlock<'a> {
    Thinking { thinking: &'a str, signature: &'a str },
    RedactedThinking { data: &'a str },
}

#[derive(Serialize)]
pub(super) struct ToolCall<'a> {
    pub(super) index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    pub(super) function: Function<'a>,
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

#[derive(Serialize)]
pub(super) struct ErrorEvent<'a> {
    pub(super) error: ErrorBody<'a>,
}

#[derive(Serialize)]
pub(super) struct ErrorBody<'a> {
    pub(super) message: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) param: (),
    pub(super) code: &'a str,
}

/// A call of a tool that begins.
pub(super) fn begun<'a>(index: u32, id: &'a str, name: &'a str) -> ToolCall<'a> {
    ToolCall {
        index,
        id: Some(id),
        kind: Some("function"),
        function: Function {
            name: Some(name),
            arguments: "",
        },
    }
}

/// The next piece of its arguments.
pub(super) fn arguments(index: u32, arguments: &str) -> ToolCall<'_> {
    ToolCall {
        index,
        id: None,
        kind: None,
        function: Function { name: None, arguments },
    }
}

/// Writes one event.
pub(super) fn write_event(event: &impl Serialize, out: &mut Vec<u8>) {
    let before = out.len();
    out.extend_from_slice(b"data: ");
    if serde_json::to_writer(&mut *out, event).is_ok() {
        out.extend_from_slice(b"\n\n");
    } else {
        // Strings and numbers always have a text; were it otherwise, half an event would be worse than none.
        out.truncate(before);
    }
}

/// OpenAI's word for a kind of error; the provider's own stands beside it as `code`. Source: "Errors".
pub(super) fn error_type(kind: &str) -> &'static str {
    match kind {
        "rate_limit_error" => "requests",
        "billing_error" => "insufficient_quota",
        "invalid_request_error" | "authentication_error" | "not_found_error" | "request_too_large" => {
            "invalid_request_error"
        }
        "permission_error" => "request_forbidden",
        _ => "server_error",
    }
}
