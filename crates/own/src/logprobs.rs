//! Log-probabilities in the two shapes of OpenAI's API: that of chat completions and the older one of completions.
//! Source: OpenAI API reference, `logprobs` of both endpoints.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use crate::model::{LocalLikely, LocalToken};

/// What stands for an infinitely small probability: JSON has no infinity.
const LEAST: f64 = -9999.0;

/// `logprobs` of a chat completion's choice.
#[derive(Serialize)]
pub(crate) struct ChatLogprobs<'a> {
    content: Vec<ChatToken<'a>>,
    refusal: Option<()>,
}

#[derive(Serialize)]
struct ChatToken<'a> {
    #[serde(flatten)]
    likely: ChatLikely<'a>,
    top_logprobs: Vec<ChatLikely<'a>>,
}

#[derive(Serialize)]
struct ChatLikely<'a> {
    token: String,
    logprob: f64,
    bytes: &'a [u8],
}

impl<'a> ChatLogprobs<'a> {
    /// The tokens that together are the content: the one that ends the turn is none of them.
    pub(crate) fn of(tokens: &'a [LocalToken]) -> Self {
        let shown = tokens.iter().filter(|token| !token.is_special);
        let content = shown.map(|token| ChatToken {
            likely: ChatLikely::of(&token.itself),
            top_logprobs: token.top.iter().map(ChatLikely::of).collect(),
        });
        Self {
            content: content.collect(),
            refusal: None,
        }
    }
}

impl<'a> ChatLikely<'a> {
    fn of(likely: &'a LocalLikely) -> Self {
        Self {
            token: shown(&likely.bytes, ""),
            logprob: finite(likely.logprob.unwrap_or(LEAST)),
            bytes: &likely.bytes,
        }
    }
}

/// `logprobs` of a text completion's choice. The token that ends the turn is one of them: evaluation harnesses count on one
/// entry per token.
#[derive(Serialize)]
pub(crate) struct TextLogprobs {
    text_offset: Vec<usize>,
    token_logprobs: Vec<Option<f64>>,
    tokens: Vec<String>,
    top_logprobs: Vec<Option<BTreeMap<String, f64>>>,
}

impl TextLogprobs {
    pub(crate) fn of(tokens: &[LocalToken]) -> Self {
        Self {
            text_offset: tokens.iter().map(|token| token.offset).collect(),
            token_logprobs: tokens.iter().map(|token| token.itself.logprob.map(finite)).collect(),
            tokens: tokens
                .iter()
                .map(|token| shown(&token.itself.bytes, "bytes:"))
                .collect(),
            top_logprobs: tokens.iter().map(top).collect(),
        }
    }
}

/// The likeliest tokens and the token itself, wherever it ranks.
fn top(token: &LocalToken) -> Option<BTreeMap<String, f64>> {
    token.itself.logprob?;
    let mut top = BTreeMap::new();
    for likely in token.top.iter().chain([&token.itself]) {
        // Two tokens with the same text: the likelier one is told.
        let logprob = finite(likely.logprob.unwrap_or(LEAST));
        top.entry(shown(&likely.bytes, "bytes:")).or_insert(logprob);
    }
    Some(top)
}

fn finite(logprob: f64) -> f64 {
    logprob.max(LEAST)
}

/// The text of a token; of one that is not whole characters its bytes, as OpenAI writes them.
fn shown(bytes: &[u8], mark: &str) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold(mark.to_owned(), |mut text, byte| {
            let _ = write!(text, "\\x{byte:02x}");
            text
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn likely(bytes: &[u8], logprob: Option<f64>) -> LocalLikely {
        LocalLikely {
            bytes: bytes.to_vec(),
            logprob,
        }
    }

    fn token(itself: LocalLikely, offset: usize, top: Vec<LocalLikely>) -> LocalToken {
        LocalToken {
            id: 9,
            is_special: itself.bytes == b"<|end|>",
            itself,
            top,
            offset,
            end: offset + 1,
            text: String::new(),
        }
    }

    fn tokens() -> [LocalToken; 3] {
        let alternatives = vec![likely(b"a", Some(-0.5)), likely(&[0xf0, 0x9f], Some(f64::NEG_INFINITY))];
        [
            token(likely("é".as_bytes(), None), 0, Vec::new()),
            token(likely(&[0xf0, 0x9f], Some(f64::NEG_INFINITY)), 1, alternatives),
            token(likely(b"<|end|>", Some(-0.25)), 2, vec![likely(b"a", Some(-0.125))]),
        ]
    }

    #[test]
    fn the_older_shape_has_an_entry_per_token_and_names_the_token_among_the_likeliest() {
        let expected = json!({
            "text_offset": [0, 1, 2],
            "token_logprobs": [null, -9999.0, -0.25],
            "tokens": ["é", "bytes:\\xf0\\x9f", "<|end|>"],
            "top_logprobs": [null, {"a": -0.5, "bytes:\\xf0\\x9f": -9999.0}, {"<|end|>": -0.25, "a": -0.125}],
        });
        assert_eq!(serde_json::to_value(TextLogprobs::of(&tokens())).unwrap(), expected);
    }

    #[test]
    fn the_shape_of_chat_has_bytes_and_only_what_is_content() {
        let expected = json!({
            "content": [
                {"token": "é", "logprob": -9999.0, "bytes": [195, 169], "top_logprobs": []},
                {"token": "\\xf0\\x9f", "logprob": -9999.0, "bytes": [240, 159], "top_logprobs": [
                    {"token": "a", "logprob": -0.5, "bytes": [97]},
                    {"token": "\\xf0\\x9f", "logprob": -9999.0, "bytes": [240, 159]},
                ]},
            ],
            "refusal": null,
        });
        assert_eq!(serde_json::to_value(ChatLogprobs::of(&tokens())).unwrap(), expected);
    }
}
