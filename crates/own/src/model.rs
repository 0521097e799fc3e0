//! What a model in this process can do, seen from the gateway: tokens and their probabilities. The layer above joins one.
//!
//! Knows neither JSON nor HTTP; a model knows nothing of requests.

use std::ops::ControlFlow;

use cultivar_record::{
    Seed, TokenCount,
    chat::{Message, Role},
};
use serde::{Deserialize, Serialize};

/// A model in this process. It computes: whoever calls it may wait.
pub trait LocalModel: Send + Sync {
    /// Bits per turn of a conversation, given the turns before it.
    ///
    /// # Errors
    /// A sentence without text of users.
    fn score(&self, messages: &[Message]) -> Result<Vec<LocalScore>, String>;

    /// What it is made of, as far as an answer depends on it.
    ///
    /// # Errors
    /// [`LocalFailure::Unsupported`] where it has no tokens to speak of.
    fn info(&self) -> Result<LocalInfo, LocalFailure> {
        Err(LocalFailure::Unsupported("asked for its tokenizer"))
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// [`LocalFailure`] where it cannot.
    fn tokenize(&self, _text: &str, _names: SpecialNames) -> Result<Vec<u32>, LocalFailure> {
        Err(LocalFailure::Unsupported("asked for tokens"))
    }

    /// The tokens of a conversation, by the model's own template.
    ///
    /// # Errors
    /// [`LocalFailure`] where it cannot.
    fn render(&self, _messages: &[Message], _end: TemplateEnd) -> Result<Vec<u32>, LocalFailure> {
        Err(LocalFailure::Unsupported("asked for the tokens of a conversation"))
    }

    /// The text of tokens, special ones by their names.
    ///
    /// # Errors
    /// [`LocalFailure`] where it cannot.
    fn detokenize(&self, _tokens: &[u32]) -> Result<String, LocalFailure> {
        Err(LocalFailure::Unsupported("asked for the text of tokens"))
    }

    /// Writes on after the tokens of a prompt; `on_token` hears each token and may end it. An empty prompt is the beginning
    /// of a text.
    ///
    /// # Errors
    /// [`LocalFailure`] where it cannot.
    fn write(
        &self,
        _prompt: &[u32],
        _options: &LocalOptions,
        _on_token: &mut dyn FnMut(LocalToken) -> ControlFlow<()>,
    ) -> Result<LocalWritten, LocalFailure> {
        Err(LocalFailure::Unsupported("asked to write on after tokens"))
    }

    /// The meaning of tokens (at least one) as a direction of length 1, [`LocalInfo::width`] numbers.
    ///
    /// # Errors
    /// [`LocalFailure::Unsupported`] where it has no such thing.
    fn embed(&self, _tokens: &[u32]) -> Result<Vec<f32>, LocalFailure> {
        Err(LocalFailure::Unsupported("asked for embeddings"))
    }
}

/// What one turn cost to predict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalScore {
    /// The turn's place in the conversation.
    pub turn: u64,
    /// Who speaks.
    pub role: Role,
    /// Bits spent on its text and its end.
    pub bits: f64,
    /// UTF-8 bytes of its text.
    pub bytes: u64,
}

/// Why a model did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalFailure {
    /// It is not made for this: the end of "the model cannot be …".
    Unsupported(&'static str),
    /// It failed: a sentence without text of users.
    Failed(String),
}

/// A model's tokens and its limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalInfo {
    /// Token ids are below this.
    pub vocab: usize,
    /// Most tokens that it sees at once, prompt and answer together; none where there is no end.
    pub context: Option<usize>,
    /// Numbers of an embedding; none where it gives none.
    pub width: Option<usize>,
    /// The tokens that no text makes: id and name.
    pub special: Vec<(u32, String)>,
    /// The one of them that ends a turn.
    pub end: u32,
    /// How it renders a conversation, as a Jinja template.
    pub chat_template: Option<String>,
    /// How it draws where the caller does not say.
    pub preferred: LocalSampling,
}

/// Whether the names of special tokens in a text stand for these tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialNames {
    /// They are text like any other: whatever a person may have written.
    AreText,
    /// They stand for the tokens: a template that a program rendered.
    AreTokens,
}

/// How a rendered conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateEnd {
    /// After the last turn.
    Closed,
    /// With the beginning of the assistant's turn.
    Open,
    /// As [`Open`](Self::Open), without the oldest turns where they would not fit into so many tokens.
    OpenWithin(usize),
}

/// How tokens are drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalSampling {
    /// Most tokens of an answer.
    pub max_tokens: usize,
    /// 0 takes the likeliest token each time.
    pub temperature: f64,
    /// Only the likeliest tokens that hold this mass together are drawn.
    pub top_p: f64,
}

/// What is to be written and told.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalOptions {
    /// How tokens are drawn.
    pub sampling: LocalSampling,
    /// The same seed gives the same text.
    pub seed: Seed,
    /// Taken from a token's log-probability for each time that it was drawn.
    pub frequency_penalty: f64,
    /// Taken from a token's log-probability once it was drawn.
    pub presence_penalty: f64,
    /// Added to the log-probabilities of tokens.
    pub bias: Vec<(u32, f64)>,
    /// Texts before which it ends; none of them empty.
    pub stop: Vec<String>,
    /// Tell log-probabilities, and so many of the likeliest tokens with each.
    pub weigh: Option<usize>,
    /// Tell the tokens of the prompt first.
    pub echo: bool,
}

/// A token and how likely the model found it.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalLikely {
    /// Its bytes: not always whole characters. Of a special token, its name.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability given all before it; the first token of all has none.
    pub logprob: Option<f64>,
}

/// One token of a prompt or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalToken {
    /// Its id.
    pub id: u32,
    /// The token itself.
    pub itself: LocalLikely,
    /// Whether it has no text.
    pub is_special: bool,
    /// The likeliest tokens in its place, likeliest first.
    pub top: Vec<LocalLikely>,
    /// Characters of prompt and answer before it.
    pub offset: usize,
    /// Characters of prompt and answer up to its end.
    pub end: usize,
    /// The text that is certain now and was not before: whole characters, and no beginning of a stop string.
    pub text: String,
}

/// A text that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalWritten {
    /// The last of its text.
    pub rest: String,
    /// Characters of prompt and answer together.
    pub characters: usize,
    /// Tokens of the prompt.
    pub prompt: TokenCount,
    /// Tokens of the answer.
    pub completion: TokenCount,
    /// Why it ended.
    pub end: LocalEnd,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalEnd {
    /// The model ended its turn, or the caller left.
    Turn,
    /// A stop string came; tokens at or after [`LocalWritten::characters`] belong to it.
    StopString,
    /// It reached its longest.
    Length,
}

impl LocalEnd {
    /// OpenAI's word for it.
    pub(crate) const fn finish_reason(self) -> &'static str {
        match self {
            Self::Turn | Self::StopString => "stop",
            Self::Length => "length",
        }
    }
}
