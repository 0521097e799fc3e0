//! The loop that every model writes with: weigh the prompt where that is asked, draw a token, give out its text, stop where
//! the turn or a stop string ends it.
//!
//! Knows tokens and text, not how a model comes to its probabilities (a [`Reading`] does).

use std::ops::ControlFlow;

use crate::Tokenizer;
use crate::language_model::{Finish, GenerateOptions};
use crate::sampler::Sampler;
use crate::tokenizer::StreamDecoder;

/// Prompt tokens that are weighed at once: the log-probabilities of a stretch are in memory together.
const STRETCH: usize = 64;

/// A text that a model reads, token by token.
pub trait Reading {
    /// Tokens that can still be read.
    fn room(&self) -> usize;

    /// Reads tokens, at least one and at most [`room`](Self::room); returns the log-probabilities (nats, `[vocab]`) of the
    /// token after the last of them.
    fn next(&mut self, tokens: &[u32]) -> Vec<f32>;

    /// As [`next`](Self::next), with the log-probabilities after each of the tokens.
    fn each(&mut self, tokens: &[u32]) -> Vec<Vec<f32>>;
}

/// What is to be written, and how much of it is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteOptions {
    /// How tokens are drawn.
    pub draw: GenerateOptions,
    /// Texts before which the answer ends; none of them empty.
    pub stop: Vec<String>,
    /// Tell log-probabilities, and so many of the likeliest tokens with each.
    pub weigh: Option<usize>,
    /// Which tokens are told.
    pub told: Told,
}

/// Which tokens are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Those of the answer.
    #[default]
    Answer,
    /// Those of the prompt first.
    All,
}

/// A token and how likely the model found it, before temperature, penalties and bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likely {
    /// The token.
    pub id: u32,
    /// The natural logarithm of its probability given all before it.
    pub logprob: f64,
}

/// One token of a prompt or an answer, as it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenToken {
    /// The token.
    pub id: u32,
    /// The natural logarithm of its probability, where it was asked for; the first token of all has none.
    pub logprob: Option<f64>,
    /// The likeliest tokens in its place, likeliest first.
    pub top: Vec<Likely>,
    /// Characters of prompt and answer before it; of a token within a character, those before that character.
    pub offset: usize,
    /// Characters of prompt and answer up to its end; one that is still incomplete counts.
    pub end: usize,
    /// The text that is certain now and was not before: whole characters, and no beginning of a stop string.
    pub text: String,
}

/// A text that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The last of its text, which was held back in case it grew into a stop string.
    pub rest: String,
    /// Characters of prompt and answer together; tokens that begin there or later belong to a stop string.
    pub characters: usize,
    /// Tokens that the model read.
    pub prompt_tokens: u64,
    /// Tokens that the model made, with the one that ends the turn and those of a stop string.
    pub completion_tokens: u64,
    /// Why it ended.
    pub finish: Finish,
}

/// Writes on after the tokens of a prompt; an empty one begins where a turn ended. `on_token` may end it.
pub(crate) fn write(
    tokenizer: &Tokenizer,
    reading: &mut dyn Reading,
    prompt: &[u32],
    options: &WriteOptions,
    on_token: &mut dyn FnMut(WrittenToken) -> ControlFlow<()>,
) -> Written {
    let beginning = [tokenizer.end()];
    let prompt = if prompt.is_empty() { &beginning } else { prompt };
    let mut text = Text::new(tokenizer, &options.stop);
    let mut unread = prompt.to_vec();
    let mut row = None;
    let mut completion_tokens = 0;
    let mut finish = Finish::Length;
    if options.told == Told::All {
        unread.clear();
        row = weigh(reading, prompt, options, &mut text, on_token);
        if row.is_none() {
            finish = Finish::Cancelled;
        }
    } else {
        text.pass_over(prompt);
    }
    let mut sampler = Sampler::new(&options.draw);
    while finish == Finish::Length && completion_tokens < options.draw.max_tokens {
        let log_probs = match row.take() {
            Some(log_probs) => log_probs,
            None if reading.room() < unread.len() => break,
            None => reading.next(&unread),
        };
        let token = sampler.draw(&log_probs);
        completion_tokens += 1;
        let told = text.answer(token).told(token, Some(&log_probs), options.weigh);
        if token == tokenizer.end() {
            finish = Finish::Stop;
        } else if text.stopped {
            finish = Finish::StopString;
        }
        if on_token(told).is_break() {
            finish = Finish::Cancelled;
        }
        unread = vec![token];
    }
    let rest = text.rest(finish);
    Written {
        characters: text.given + rest.chars().count(),
        rest,
        prompt_tokens: prompt.len() as u64,
        completion_tokens: completion_tokens as u64,
        finish,
    }
}

/// Tells the tokens of a prompt; returns the log-probabilities after it, or nothing where it was ended.
fn weigh(
    reading: &mut dyn Reading,
    prompt: &[u32],
    options: &WriteOptions,
    text: &mut Text<'_>,
    on_token: &mut dyn FnMut(WrittenToken) -> ControlFlow<()>,
) -> Option<Vec<f32>> {
    let mut before: Option<Vec<f32>> = None;
    for stretch in prompt.chunks(STRETCH) {
        for (token, after) in stretch.iter().zip(reading.each(stretch)) {
            let told = text.prompt(*token).told(*token, before.as_deref(), options.weigh);
            if on_token(told).is_break() {
                return None;
            }
            before = Some(after);
        }
    }
    before
}

/// The likeliest `most` tokens, likeliest first.
fn likeliest(log_probs: &[f32], most: usize) -> Vec<Likely> {
    let mut all: Vec<(f32, u32)> = log_probs.iter().copied().zip(0..).collect();
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if most < all.len() {
        all.select_nth_unstable_by(most, order);
        all.truncate(most);
    }
    all.sort_unstable_by(order);
    let likely = |(logprob, id): (f32, u32)| Likely {
        id,
        logprob: f64::from(logprob),
    };
    all.into_iter().map(likely).collect()
}

/// Text as it grows.
struct Text<'a> {
    tokenizer: &'a Tokenizer,
    stop: &'a [String],
    decoder: StreamDecoder,
    /// Whole characters that may be the beginning of a stop string.
    held: String,
    /// Characters decoded.
    decoded: usize,
    /// Characters given out.
    given: usize,
    stopped: bool,
}

/// What one token added.
struct Piece {
    offset: usize,
    end: usize,
    text: String,
}

impl Piece {
    fn told(self, id: u32, before: Option<&[f32]>, weigh: Option<usize>) -> WrittenToken {
        let (mut logprob, mut top) = (None, Vec::new());
        if let (Some(most), Some(log_probs)) = (weigh, before) {
            logprob = log_probs.get(id as usize).map(|logprob| f64::from(*logprob));
            if most > 0 {
                top = likeliest(log_probs, most);
            }
        }
        WrittenToken {
            id,
            logprob,
            top,
            offset: self.offset,
            end: self.end,
            text: self.text,
        }
    }
}

impl<'a> Text<'a> {
    fn new(tokenizer: &'a Tokenizer, stop: &'a [String]) -> Self {
        Self {
            tokenizer,
            stop,
            decoder: StreamDecoder::default(),
            held: String::new(),
            decoded: 0,
            given: 0,
            stopped: false,
        }
    }

    /// A prompt that is not told: its text is only counted.
    fn pass_over(&mut self, prompt: &[u32]) {
        for token in prompt {
            self.prompt(*token);
        }
    }

    /// A token of the prompt: stop strings do not count there.
    fn prompt(&mut self, token: u32) -> Piece {
        let piece = self.decode(token);
        self.given = self.decoded;
        piece
    }

    /// A token of the answer.
    fn answer(&mut self, token: u32) -> Piece {
        let mut piece = self.decode(token);
        self.held.push_str(&piece.text);
        let found = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        self.stopped = found.is_some();
        let certain = found.unwrap_or_else(|| self.held.len() - self.may_stop());
        let later = self.held.split_off(certain);
        piece.text = std::mem::replace(&mut self.held, later);
        self.given += piece.text.chars().count();
        piece
    }

    fn decode(&mut self, token: u32) -> Piece {
        let offset = self.decoded;
        let text = self.decoder.push(self.tokenizer.bytes_of(token));
        self.decoded += text.chars().count();
        let end = self.decoded + usize::from(self.decoder.is_waiting());
        Piece { offset, end, text }
    }

    /// Bytes at the end of the held text that may be the beginning of a stop string: the most that are.
    fn may_stop(&self) -> usize {
        let begins = |stop: &String| {
            let ends = (1..stop.len()).filter(|end| stop.is_char_boundary(*end));
            ends.rev().find(|end| self.held.ends_with(stop.split_at(*end).0))
        };
        self.stop.iter().filter_map(begins).max().unwrap_or(0)
    }

    /// What is given out once nothing follows.
    fn rest(&mut self, finish: Finish) -> String {
        match finish {
            Finish::Cancelled | Finish::StopString => String::new(),
            Finish::Stop | Finish::Length => {
                let incomplete = std::mem::take(&mut self.decoder).finish();
                std::mem::take(&mut self.held) + &incomplete
            }
        }
    }
}

#[cfg(test)]
mod tests;
