//! What is asked for: the conversation in it, and what a model of our own cannot do.

use cultivar_record::chat::{Message, Role};
use serde::Deserialize;
use serde_json::Value;

use crate::OwnError;
use crate::chat::Truncation;

/// The fields that matter here.
#[derive(Deserialize)]
pub(super) struct Asks {
    input: Option<Value>,
    pub(super) instructions: Option<String>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) truncation: Option<Truncation>,
    pub(super) metadata: Option<Value>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    text: Option<Value>,
    top_logprobs: Option<u64>,
    include: Option<Vec<String>>,
    background: Option<bool>,
    previous_response_id: Option<Value>,
    conversation: Option<Value>,
    prompt: Option<Value>,
}

/// What can be told of tokens is told in chat and in completions.
const LOGPROBS: &str = "message.output_text.logprobs";

impl Asks {
    /// # Errors
    /// `UnsupportedValue` with the field.
    pub(super) fn refuse_what_is_not_done(&self) -> Result<(), OwnError> {
        let refused = |param: &'static str, value: &'static str| Err(OwnError::UnsupportedValue { param, value });
        if self.max_output_tokens == Some(0) {
            let message = "`max_output_tokens` must be at least 1";
            return Err(OwnError::invalid(message, "max_output_tokens"));
        }
        if self.previous_response_id.is_some() {
            return refused("previous_response_id", "an id (nothing is kept for a later call)");
        }
        if self.conversation.is_some() {
            return refused("conversation", "an id (nothing is kept for a later call)");
        }
        if self.prompt.is_some() {
            return refused("prompt", "a template (none is kept here)");
        }
        if self.background == Some(true) {
            return refused("background", "`true`");
        }
        let wants_logprobs = self.include.iter().flatten().any(|included| included == LOGPROBS);
        if wants_logprobs || self.top_logprobs.is_some_and(|top| top > 0) {
            return refused("top_logprobs", "log-probabilities (ask `/v1/chat/completions`)");
        }
        let format = self.text.as_ref().and_then(|text| text.get("format"));
        match format.map(|format| format.get("type").and_then(Value::as_str)) {
            None | Some(Some("text")) => {}
            Some(Some("json_object")) => return refused("text.format", "`json_object`"),
            Some(Some("json_schema")) => return refused("text.format", "`json_schema`"),
            Some(_) => return refused("text.format", "a type other than `text`"),
        }
        match &self.tool_choice {
            Some(Value::Object(_)) => refused("tool_choice", "a named tool"),
            Some(Value::String(choice)) if choice == "required" => refused("tool_choice", "`required`"),
            _ => Ok(()),
        }
    }

    /// The conversation, the instructions in front.
    ///
    /// # Errors
    /// `Invalid` and `UnsupportedValue` with `input`.
    pub(super) fn messages(&self) -> Result<Vec<Message>, OwnError> {
        let instructions = self.instructions.iter();
        let mut messages: Vec<Message> = instructions
            .map(|text| Message::text(Role::System, text.as_str()))
            .collect();
        match &self.input {
            Some(Value::String(text)) => messages.push(Message::text(Role::User, text.as_str())),
            Some(Value::Array(items)) if !items.is_empty() => {
                for item in items {
                    messages.push(message(item)?);
                }
            }
            _ => return Err(wrong("`input` must be a text or a list of messages")),
        }
        Ok(messages)
    }
}

fn wrong(message: &str) -> OwnError {
    OwnError::invalid(message, "input")
}

const fn refused(value: &'static str) -> OwnError {
    OwnError::UnsupportedValue { param: "input", value }
}

fn message(item: &Value) -> Result<Message, OwnError> {
    let text_of = |name: &str| item.get(name).and_then(Value::as_str);
    if !matches!(text_of("type"), None | Some("message")) {
        return Err(refused("items that are not messages"));
    }
    let role = match text_of("role") {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        _ => {
            return Err(wrong(
                "a message in `input` needs the role `user`, `assistant`, `system` or `developer`",
            ));
        }
    };
    match item.get("content") {
        Some(Value::String(text)) => Ok(Message::text(role, text.as_str())),
        Some(Value::Array(parts)) => {
            let texts: Result<Vec<&str>, OwnError> = parts.iter().map(part).collect();
            Ok(Message::text(role, texts?.concat()))
        }
        _ => Err(wrong(
            "a message in `input` needs a `content`: a text or a list of parts",
        )),
    }
}

fn part(part: &Value) -> Result<&str, OwnError> {
    let text_of = |name: &str| part.get(name).and_then(Value::as_str);
    let text = match text_of("type") {
        Some("input_text" | "output_text" | "text") => text_of("text"),
        Some("refusal") => text_of("refusal"),
        _ => return Err(refused("parts that are not text")),
    };
    text.ok_or_else(|| wrong("a part of text in `input` needs a `text`"))
}
