//! What every model of this crate can do: answer a conversation, write on after any tokens, and say how surprising a
//! conversation is.

use std::ops::ControlFlow;

use cultivar_record::Seed;
use cultivar_record::chat::{Message, Role};

use crate::writing::{self, Reading, WriteOptions, Written, WrittenToken};
use crate::{ModelError, Tokenizer, Transcript};

/// A model that answers conversations.
pub trait LanguageModel: Send + Sync {
    /// What turns its text into tokens.
    fn tokenizer(&self) -> &Tokenizer;

    /// Most tokens that it sees at once, prompt and answer together; none where there is no end.
    fn context(&self) -> Option<usize>;

    /// Begins to read a text.
    fn reading(&self) -> Box<dyn Reading + '_>;

    /// Numbers of an [`embed`](Self::embed)ding; none where the model gives none.
    fn width(&self) -> Option<usize> {
        None
    }

    /// The meaning of a text (at least one token, at most [`context`](Self::context)) as a direction of length 1,
    /// `[width]`; none where the model has no such thing.
    fn embed(&self, _tokens: &[u32]) -> Option<Vec<f32>> {
        None
    }

    /// Writes on after the tokens of a prompt, of which at most [`context`](Self::context) are read; an empty one begins
    /// where a turn ended. `on_token` hears each token and may end it.
    fn write(
        &self,
        prompt: &[u32],
        options: &WriteOptions,
        on_token: &mut dyn FnMut(WrittenToken) -> ControlFlow<()>,
    ) -> Written {
        let prompt = prompt.get(..self.context().unwrap_or(usize::MAX)).unwrap_or(prompt);
        writing::write(self.tokenizer(), self.reading().as_mut(), prompt, options, on_token)
    }

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
    ) -> Result<Generated, ModelError> {
        let transcript = Transcript::render(self.tokenizer(), messages)?;
        // Half the context at least stays for the question, however long the answer may become.
        let room = self.context().map_or(usize::MAX, |context| {
            context.saturating_sub(options.max_tokens.min(context / 2)).max(1)
        });
        let prompt = transcript.before_answer(self.tokenizer(), room);
        let mut text = String::new();
        let mut hear = |piece: &str| {
            text.push_str(piece);
            if piece.is_empty() {
                ControlFlow::Continue(())
            } else {
                on_text(piece)
            }
        };
        let options = WriteOptions {
            draw: options.clone(),
            ..WriteOptions::default()
        };
        let written = self.write(&prompt, &options, &mut |token| hear(&token.text));
        let left = hear(&written.rest).is_break();
        Ok(Generated {
            text,
            prompt_tokens: written.prompt_tokens,
            completion_tokens: written.completion_tokens,
            finish: if left { Finish::Cancelled } else { written.finish },
        })
    }

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
    /// Taken from a token's log-probability for each time that it was drawn.
    pub frequency_penalty: f64,
    /// Taken from a token's log-probability once it was drawn.
    pub presence_penalty: f64,
    /// Added to the log-probabilities of tokens.
    pub bias: Vec<(u32, f64)>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_tokens: DEFAULT_MAX_TOKENS,
            temperature: DEFAULT_TEMPERATURE,
            top_p: DEFAULT_TOP_P,
            seed: Seed::new(0),
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            bias: Vec::new(),
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
    /// A stop string came.
    StopString,
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
