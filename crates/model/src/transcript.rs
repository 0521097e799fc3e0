//! A conversation as one row of tokens: `<|role|>` text `<|end|>`, turn by turn.
//!
//! Knows which tokens belong to which turn; does not know what is done with them.

use std::ops::Range;

use cultivar_record::chat::{Message, Role};

use crate::{ModelError, Tokenizer};

/// One turn within a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnSpan {
    /// Who speaks.
    pub role: Role,
    /// Its tokens: the role token, the text, and the token that ends the turn.
    pub tokens: Range<usize>,
    /// UTF-8 bytes of its text.
    pub bytes: u64,
}

impl TurnSpan {
    /// Its tokens without the role token: what the speaker "says".
    pub const fn said(&self) -> Range<usize> {
        self.tokens.start + 1..self.tokens.end
    }
}

/// A conversation as tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// All tokens.
    pub tokens: Vec<u32>,
    /// The turns, in order, without gaps.
    pub turns: Vec<TurnSpan>,
}

/// The form of a transcript as a Jinja template, for programs that render conversations themselves.
/// Source: Hugging Face `transformers`, "Chat templates".
pub const CHAT_TEMPLATE: &str = "{% for message in messages %}\
{% set role = {'developer': 'system', 'function': 'tool'}.get(message['role'], message['role']) %}\
{{ '<|' + role + '|>' + (message['content'] or '') + '<|end|>' }}\
{% endfor %}\
{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

impl Transcript {
    /// Renders messages; those without text keep their role and end tokens.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] where the tokenizer lacks a token for a byte.
    pub fn render(tokenizer: &Tokenizer, messages: &[Message]) -> Result<Self, ModelError> {
        let mut transcript = Self::default();
        for message in messages {
            let text = message.plain_text();
            let start = transcript.tokens.len();
            transcript.tokens.push(tokenizer.role(message.role));
            transcript.tokens.extend(tokenizer.encode(&text)?);
            transcript.tokens.push(tokenizer.end());
            transcript.turns.push(TurnSpan {
                role: message.role,
                tokens: start..transcript.tokens.len(),
                bytes: text.len() as u64,
            });
        }
        Ok(transcript)
    }

    /// The tokens after which the assistant speaks: as many of the newest turns as fit with its role token into `room`
    /// (at least 1).
    pub fn before_answer(&self, tokenizer: &Tokenizer, room: usize) -> Vec<u32> {
        let mut tokens = self.newest(room.saturating_sub(1)).to_vec();
        tokens.push(tokenizer.role(Role::Assistant));
        tokens
    }

    /// The tokens from the oldest turn on with which the rest fits into `room`; where even the last turn does not fit, the
    /// last `room` tokens.
    pub fn newest(&self, room: usize) -> &[u32] {
        let excess = self.tokens.len().saturating_sub(room);
        let start = self
            .turns
            .iter()
            .map(|turn| turn.tokens.start)
            .find(|start| *start >= excess);
        self.tokens.get(start.unwrap_or(excess)..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_marked_and_the_oldest_are_dropped_first() {
        let tokenizer = Tokenizer::train(["ab cd"].iter(), 261).unwrap();
        let messages = [
            Message::text(Role::User, "ab"),
            Message::text(Role::Assistant, "é"),
            Message::text(Role::User, "abcdef"),
        ];
        let transcript = Transcript::render(&tokenizer, &messages).unwrap();
        assert_eq!(transcript.tokens.len(), 4 + 4 + 8);
        assert_eq!(transcript.turns[1].tokens, 4..8);
        assert_eq!(transcript.turns[1].bytes, 2);
        assert_eq!(transcript.tokens[4], tokenizer.role(Role::Assistant));
        assert_eq!(transcript.tokens[7], tokenizer.end());
        assert_eq!(transcript.newest(16).len(), 16);
        assert_eq!(transcript.newest(15), &transcript.tokens[4..]);
        assert_eq!(transcript.newest(11), &transcript.tokens[8..]);
        assert_eq!(transcript.newest(5), &transcript.tokens[11..]);
    }
}
