//! The events of a Messages stream become the chunks of a chat completion.
//!
//! Source: "Streaming messages". An answer is `message_start`, then blocks (`content_block_start`, `…_delta`, `…_stop`), then
//! `message_delta` with the reason to stop and the cumulative usage, then `message_stop`. `ping` and kinds that are not known mean
//! nothing; `error` may come at any time and is the last.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    chunk::{
        Choice, Chunk, ErrorBody, ErrorEvent, Said, ThinkingBlock, ToolCall, arguments, begun, error_type, write_event,
    },
    ending::{CompletionUsage, StopDetails, Usage, finish_reason},
    parts::Text,
};
use crate::EventParser;

/// What ends a stream of chunks.
const DONE: &[u8] = b"data: [DONE]\n\n";
/// What is told of an event that is none.
const UNREADABLE: &str = "the provider sent an event that cannot be read";

/// Translates one stream. However the network cuts the events, the chunks are the same.
pub struct EventTranslator {
    parser: EventParser,
    model: String,
    created: i64,
    id: String,
    usage: Usage,
    stop_reason: Option<String>,
    refusal: Option<String>,
    blocks: Vec<Block>,
    tool_calls: u32,
    has_ended: bool,
}

/// A block that has begun and not ended.
struct Block {
    index: u64,
    kind: BlockKind,
}

enum BlockKind {
    /// Text, or something of which nothing is told.
    Plain,
    Thinking {
        thinking: String,
        signature: String,
    },
    Tool {
        index: u32,
        /// What the provider said at the beginning: the arguments, where it does not stream them.
        input: Option<String>,
        has_arguments: bool,
    },
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    index: Option<u64>,
    #[serde(borrow)]
    message: Option<Start<'a>>,
    #[serde(borrow)]
    content_block: Option<BlockStart<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<Usage>,
    error: Option<ErrorFields>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct BlockStart<'a> {
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
    #[serde(borrow)]
    data: Option<Text<'a>>,
}

/// Of a block, or of the message.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    stop_details: Option<StopDetails>,
}

#[derive(Deserialize)]
struct ErrorFields {
    #[serde(rename = "type")]
    kind: String,
    message: String,
}

impl EventTranslator {
    /// For one answer: `model` is the name that the client asked for, `created` the time in seconds since 1970.
    pub fn new(model: String, created: i64) -> Self {
        Self {
            parser: EventParser::default(),
            model,
            created,
            id: String::new(),
            usage: Usage::default(),
            stop_reason: None,
            refusal: None,
            blocks: Vec::new(),
            tool_calls: 0,
            has_ended: false,
        }
    }

    /// Takes the next bytes of the provider and gives back the bytes for the client that they complete; none, often.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for data in self.parser.feed(bytes) {
            if self.has_ended {
                break;
            }
            match serde_json::from_str(&data) {
                Ok(event) => self.translate(&event, &mut out),
                Err(_) => self.fail("provider_malformed", UNREADABLE, &mut out),
            }
        }
        out
    }

    /// The provider closed the connection: what is left. Where the answer had not ended, no `[DONE]` comes either, so that nobody
    /// takes it for whole.
    pub fn end(&mut self) -> Vec<u8> {
        let mut out = self.feed(b"\n\n");
        if !self.has_ended && self.stop_reason.is_some() {
            self.finish(&mut out);
        }
        out
    }

    /// Whether the end of the answer, or an error, was given out.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What was counted so far, in tokens.
    #[cfg(test)]
    pub(crate) fn usage(&self) -> super::ending::CompletionUsage {
        self.usage.of_completion()
    }

    fn translate(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let index = event.index.unwrap_or(0);
        match &*event.kind {
            "message_start" => self.start(event.message.as_ref(), out),
            "content_block_start" => self.start_block(index, event.content_block.as_ref(), out),
            "content_block_delta" => self.go_on(index, event.delta.as_ref(), out),
            "content_block_stop" => self.stop_block(index, out),
            "message_delta" => self.note_the_end(event),
            "message_stop" => self.finish(out),
            "error" => {
                let error = event.error.as_ref();
                let code = error.map_or("api_error", |error| &error.kind);
                let message = error.map_or("the provider gave up", |error| &error.message);
                self.fail(code, message, out);
            }
            _ => {}
        }
    }

    fn start(&mut self, message: Option<&Start<'_>>, out: &mut Vec<u8>) {
        if let Some(message) = message {
            self.id = message.id.to_string();
            self.usage.absorb(message.usage.unwrap_or_default());
        }
        let said = Said {
            role: Some("assistant"),
            content: Some(""),
            ..Said::default()
        };
        self.say(said, out);
    }

    fn start_block(&mut self, index: u64, block: Option<&BlockStart<'_>>, out: &mut Vec<u8>) {
        let Some(block) = block else { return };
        let kind = match &*block.kind {
            "text" => {
                self.say_text(block.text.as_ref(), out);
                BlockKind::Plain
            }
            "thinking" => {
                self.say_thinking(block.thinking.as_ref(), out);
                BlockKind::Thinking {
                    thinking: block
                        .thinking
                        .as_ref()
                        .map(|text| text.0.to_string())
                        .unwrap_or_default(),
                    signature: String::new(),
                }
            }
            "redacted_thinking" => {
                let data = block.data.as_ref().map_or("", |data| &data.0);
                self.say_thinking_block(ThinkingBlock::RedactedThinking { data }, out);
                BlockKind::Plain
            }
            "tool_use" => self.start_tool(block, out),
            _ => BlockKind::Plain,
        };
        self.blocks.push(Block { index, kind });
    }

    fn start_tool(&mut self, block: &BlockStart<'_>, out: &mut Vec<u8>) -> BlockKind {
        let index = self.tool_calls;
        self.tool_calls = self.tool_calls.saturating_add(1);
        let id = block.id.as_ref().map_or("", |id| &id.0);
        let name = block.name.as_ref().map_or("", |name| &name.0);
        self.say_tool_call(begun(index, id, name), out);
        BlockKind::Tool {
            index,
            input: block.input.map(|input| input.get().to_owned()),
            has_arguments: false,
        }
    }

    fn go_on(&mut self, index: u64, delta: Option<&Delta<'_>>, out: &mut Vec<u8>) {
        let Some(delta) = delta else { return };
        self.say_text(delta.text.as_ref(), out);
        self.say_thinking(delta.thinking.as_ref(), out);
        let mut call = None;
        match self.block(index) {
            Some(BlockKind::Thinking { thinking, signature }) => {
                thinking.push_str(delta.thinking.as_ref().map_or("", |text| &text.0));
                signature.push_str(delta.signature.as_ref().map_or("", |text| &text.0));
            }
            Some(BlockKind::Tool {
                index, has_arguments, ..
            }) => {
                let piece = delta.partial_json.as_ref().filter(|piece| !piece.0.is_empty());
                *has_arguments |= piece.is_some();
                call = piece.map(|piece| arguments(*index, &piece.0));
            }
            Some(BlockKind::Plain) | None => {}
        }
        if let Some(call) = call {
            self.say_tool_call(call, out);
        }
    }

    fn block(&mut self, index: u64) -> Option<&mut BlockKind> {
        let mut blocks = self.blocks.iter_mut();
        blocks.find(|block| block.index == index).map(|block| &mut block.kind)
    }

    fn stop_block(&mut self, index: u64, out: &mut Vec<u8>) {
        let Some(place) = self.blocks.iter().position(|block| block.index == index) else {
            return;
        };
        match self.blocks.remove(place).kind {
            BlockKind::Thinking { thinking, signature } => {
                let (thinking, signature) = (&*thinking, &*signature);
                self.say_thinking_block(ThinkingBlock::Thinking { thinking, signature }, out);
            }
            // Clients read the arguments as JSON, and nothing is none.
            BlockKind::Tool {
                index,
                input,
                has_arguments: false,
            } => self.say_tool_call(arguments(index, input.as_deref().unwrap_or("{}")), out),
            BlockKind::Tool { .. } | BlockKind::Plain => {}
        }
    }

    fn note_the_end(&mut self, event: &Event<'_>) {
        self.usage.absorb(event.usage.unwrap_or_default());
        let Some(delta) = &event.delta else { return };
        if let Some(reason) = &delta.stop_reason {
            self.stop_reason = Some(reason.0.to_string());
        }
        if let Some(details) = &delta.stop_details {
            self.refusal.clone_from(&details.explanation);
        }
    }

    /// The chunk with the reason, the chunk with the usage, and the end.
    fn finish(&mut self, out: &mut Vec<u8>) {
        let reason = self.stop_reason.as_deref().unwrap_or("end_turn");
        let delta = Said {
            refusal: self.refusal.as_deref(),
            ..Said::default()
        };
        let choice = Choice {
            index: 0,
            delta,
            logprobs: (),
            finish_reason: Some(finish_reason(reason)),
            native_finish_reason: Some(reason),
        };
        self.write(&[choice], None, out);
        self.write(&[], Some(self.usage.of_completion()), out);
        out.extend_from_slice(DONE);
        self.has_ended = true;
    }

    fn fail(&mut self, code: &str, message: &str, out: &mut Vec<u8>) {
        let error = ErrorBody {
            message,
            kind: error_type(code),
            param: (),
            code,
        };
        write_event(&ErrorEvent { error }, out);
        out.extend_from_slice(DONE);
        self.has_ended = true;
    }

    fn say_text(&self, text: Option<&Text<'_>>, out: &mut Vec<u8>) {
        if let Some(text) = text.filter(|text| !text.0.is_empty()) {
            let said = Said {
                content: Some(&text.0),
                ..Said::default()
            };
            self.say(said, out);
        }
    }

    fn say_thinking(&self, text: Option<&Text<'_>>, out: &mut Vec<u8>) {
        if let Some(text) = text.filter(|text| !text.0.is_empty()) {
            let said = Said {
                reasoning_content: Some(&text.0),
                reasoning: Some(&text.0),
                ..Said::default()
            };
            self.say(said, out);
        }
    }

    fn say_thinking_block(&self, block: ThinkingBlock<'_>, out: &mut Vec<u8>) {
        let said = Said {
            thinking_blocks: Some([block]),
            ..Said::default()
        };
        self.say(said, out);
    }

    fn say_tool_call(&self, call: ToolCall<'_>, out: &mut Vec<u8>) {
        let said = Said {
            tool_calls: Some([call]),
            ..Said::default()
        };
        self.say(said, out);
    }

    fn say(&self, delta: Said<'_>, out: &mut Vec<u8>) {
        let choice = Choice {
            index: 0,
            delta,
            logprobs: (),
            finish_reason: None,
            native_finish_reason: None,
        };
        self.write(&[choice], None, out);
    }

    fn write(&self, choices: &[Choice<'_>], usage: Option<CompletionUsage>, out: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage,
        };
        write_event(&chunk, out);
    }
}

#[cfg(test)]
mod tests;
