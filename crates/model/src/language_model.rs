//! What every model of this crate can do: answer a conversation, and say how surprising a conversation is.

use std::ops::ControlFlow;

use cultivar_record::Seed;
use cultivar_record::chat::{Message, Role};

use crate::ModelError;

/// A model that answers conversations.
pub trait LanguageModel: Send + Sync {
    /// Answers as the assistant. `on_text` gets the text as it is made, always in whole characters, and may end it.
    ///
    /// Where the conversation is longer than the model can see, its oldest turns are left out.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] where a text cannot be turned into tokens.
    fn generate(
        &self,
        messages: &[Message],
        options: &GenerateOptions,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, ModelError>;

    /// The information in each turn, given the turns before it.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] where a text cannot be turned into tokens.
    fn score(&self, messages: &[Message]) -> Result<Vec<TurnScore>, ModelError>;
}

/// Most tokens of an answer where the caller does not say: a long answer of a task dialogue.
const DEFAULT_MAX_TOKENS: usize = 128;
/// Sampling temperature where the caller does not say: a small model is best close to its mode.
const DEFAULT_TEMPERATURE: f64 = 0.4;
/// Probability mass kept where the caller does not say.
const DEFAULT_TOP_P: f64 = 0.9;

/// How an answer is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// Most tokens of the answer.
    pub max_tokens: usize,
    /// 0 takes the likeliest token each time; 1 draws from the model's own distribution.
    pub temperature: f64,
    /// Only the likeliest tokens that hold this mass together are drawn, in (0, 1].
    pub top_p: f64,
    /// The same seed gives the same answer.
    pub seed: Seed,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_tokens: DEFAULT_MAX_TOKENS,
            temperature: DEFAULT_TEMPERATURE,
            top_p: DEFAULT_TOP_P,
            seed: Seed::new(0),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Its text.
    pub text: String,
    /// Tokens that the model read.
    pub prompt_tokens: u64,
    /// Tokens that the model made, with the one that ends the turn.
    pub completion_tokens: u64,
    /// Why it ended.
    pub finish: Finish,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its turn.
    Stop,
    /// It reached `max_tokens` or the end of what the model can see.
    Length,
    /// The caller ended it.
    Cancelled,
}

/// The information in one turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnScore {
    /// Its place among the messages.
    pub turn: usize,
    /// Who speaks.
    pub role: Role,
    /// Bits of its text and of the token that ends it, given everything before.
    pub bits: f64,
    /// UTF-8 bytes of its text.
    pub bytes: u64,
}
