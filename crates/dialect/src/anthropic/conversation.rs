//! Messages become turns: instructions go into `system`, results of tools into turns of the user, and neighbours of one role into
//! one turn.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::parts::{Allowed, Block, Text, blocks, text_block};
use crate::translate::TranslateError;

/// A whole conversation, as the Messages API takes it.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    /// The instructions, in their order. They stand before the conversation wherever they stood in it, as Anthropic's own
    /// compatible endpoint does: not every model takes instructions in mid-conversation.
    pub(super) system: Vec<Block<'a>>,
    /// Who said what, the roles alternating.
    pub(super) turns: Vec<Turn<'a>>,
}

/// One turn.
#[derive(Debug, Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    name: Option<IgnoredAny>,
    audio: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    tool_call_id: Option<Text<'a>>,
    /// Thinking that our own translation of an answer gave out: the API wants it back, unchanged, with the results of tools.
    #[serde(borrow)]
    thinking_blocks: Option<Vec<&'a RawValue>>,
    is_error: Option<bool>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: Cow<'a, str>,
}

impl<'a> Conversation<'a> {
    /// Reads `messages`.
    ///
    /// # Errors
    /// Where a message cannot be said in the Messages API, with its place.
    pub(super) fn read(messages: &'a RawValue) -> Result<Self, TranslateError> {
        let messages: Vec<Message<'a>> =
            serde_json::from_str(messages.get()).map_err(|e| TranslateError::wrong("messages", &e))?;
        let mut conversation = Self::default();
        for (index, message) in messages.into_iter().enumerate() {
            conversation.add(message, &format!("messages[{index}]"))?;
        }
        if conversation.turns.is_empty() {
            return Err(TranslateError::request(
                "messages",
                "`messages` holds nothing that a user, an assistant or a tool said; the Messages API needs at least one such message",
            ));
        }
        Ok(conversation)
    }

    fn add(&mut self, message: Message<'a>, at: &str) -> Result<(), TranslateError> {
        refuse_what_cannot_be_said(&message, at)?;
        let content = format!("{at}.content");
        match &*message.role {
            "system" | "developer" => self.system.extend(blocks(message.content, Allowed::Text, &content)?),
            "user" => self.turn("user", blocks(message.content, Allowed::TextAndFiles, &content)?),
            "assistant" => self.turn("assistant", said(message, at)?),
            "tool" => self.turn("user", vec![tool_result(message, at)?]),
            _ => {
                return Err(TranslateError::request(
                    format!("{at}.role"),
                    "the role must be one of `system`, `developer`, `user`, `assistant` and `tool`",
                ));
            }
        }
        Ok(())
    }

    fn turn(&mut self, role: &'static str, content: Vec<Block<'a>>) {
        match self.turns.last_mut() {
            Some(last) if last.role == role => last.content.extend(content),
            _ if content.is_empty() => {}
            _ => self.turns.push(Turn { role, content }),
        }
    }
}

fn refuse_what_cannot_be_said(message: &Message<'_>, at: &str) -> Result<(), TranslateError> {
    // The name of a tool stands with its call already.
    let name = message.name.filter(|_| message.role != "tool");
    for (given, name, instead) in [
        (name, "name", "write into the content who speaks"),
        (message.audio, "audio", "give the transcript as `content`"),
        (message.function_call, "function_call", "use `tool_calls`"),
    ] {
        if given.is_some() {
            return Err(TranslateError::request(
                format!("{at}.{name}"),
                format!("the Messages API has no counterpart of `{name}`; {instead}"),
            ));
        }
    }
    Ok(())
}

/// What an assistant said: its thinking first, then its words, then the tools that it called.
fn said<'a>(message: Message<'a>, at: &str) -> Result<Vec<Block<'a>>, TranslateError> {
    let thinking = message.thinking_blocks.unwrap_or_default();
    let mut said: Vec<Block<'a>> = thinking.into_iter().map(Block::Own).collect();
    said.extend(blocks(message.content, Allowed::Text, &format!("{at}.content"))?);
    said.extend(message.refusal.and_then(|refusal| text_block(refusal, None)));
    for (index, call) in message.tool_calls.unwrap_or_default().into_iter().enumerate() {
        said.push(tool_use(call, &format!("{at}.tool_calls[{index}]"))?);
    }
    Ok(said)
}

fn tool_use<'a>(call: ToolCall<'a>, at: &str) -> Result<Block<'a>, TranslateError> {
    let function = call.function.ok_or_else(|| {
        TranslateError::request(
            format!("{at}.type"),
            "the Messages API knows calls of functions only; custom tools have no counterpart",
        )
    })?;
    let arguments = match function.arguments.trim() {
        // What some programs write for a tool without arguments.
        "" => "{}".to_owned(),
        arguments => arguments.to_owned(),
    };
    let input = RawValue::from_string(arguments)
        .ok()
        .filter(|input| input.get().starts_with('{'));
    let input = input.ok_or_else(|| {
        let at = format!("{at}.function.arguments");
        let message = format!(
            "`{at}` must be the text of a JSON object: the Messages API takes arguments as values, not as text"
        );
        TranslateError::request(at, message)
    })?;
    Ok(Block::ToolUse {
        id: call.id,
        name: function.name,
        input,
    })
}

fn tool_result<'a>(message: Message<'a>, at: &str) -> Result<Block<'a>, TranslateError> {
    let id = message.tool_call_id.ok_or_else(|| {
        let at = format!("{at}.tool_call_id");
        let message = format!("`{at}` is missing");
        TranslateError::request(at, message)
    })?;
    Ok(Block::ToolResult {
        tool_use_id: id.0,
        content: blocks(message.content, Allowed::TextAndFiles, &format!("{at}.content"))?,
        is_error: message.is_error,
        cache_control: message.cache_control,
    })
}
