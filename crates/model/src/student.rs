//! The student as a language model: weights, shape and tokenizer put together.

use std::ops::ControlFlow;

use cultivar_record::Seed;
use cultivar_record::chat::{Message, Role};

use crate::decoder::Decoder;
use crate::kernel::cross_entropy;
use crate::language_model::{Finish, GenerateOptions, Generated, LanguageModel, TurnScore};
use crate::sampler::Sampler;
use crate::session::Session;
use crate::tokenizer::StreamDecoder;
use crate::transcript::Transcript;
use crate::{DecoderConfig, ModelError, Tokenizer, weights};

/// A decoder that can answer.
#[derive(Clone, Debug)]
pub struct Student {
    decoder: Decoder,
    weights: Vec<f32>,
    tokenizer: Tokenizer,
}

impl Student {
    /// Reads a student from its three files: `model.safetensors`, `config.json` and `tokenizer.json`.
    ///
    /// # Errors
    /// [`ModelError::Weights`], [`ModelError::Config`] or [`ModelError::Tokenizer`], by the file that is damaged or does not
    /// belong to the others.
    pub fn from_bytes(weights: &[u8], config: &[u8], tokenizer: &[u8]) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::from_json(tokenizer)?;
        let decoder = decoder_for(DecoderConfig::from_json(config)?, &tokenizer)?;
        let weights = weights::decode(&decoder.layout, weights)?;
        Ok(Self {
            decoder,
            weights,
            tokenizer,
        })
    }

    /// A student that has learned nothing: random weights of a seed.
    ///
    /// # Errors
    /// [`ModelError::Config`] where the sizes do not fit each other or the tokenizer.
    pub fn untrained(config: DecoderConfig, tokenizer: Tokenizer, seed: Seed) -> Result<Self, ModelError> {
        let decoder = decoder_for(config, &tokenizer)?;
        let weights = decoder.layout.initial(seed.get());
        Ok(Self {
            decoder,
            weights,
            tokenizer,
        })
    }

    pub(crate) const fn from_parts(decoder: Decoder, weights: Vec<f32>, tokenizer: Tokenizer) -> Self {
        Self {
            decoder,
            weights,
            tokenizer,
        }
    }

    /// Its weights as `model.safetensors`.
    ///
    /// # Errors
    /// [`ModelError::Weights`] where they cannot be written.
    pub fn weights(&self) -> Result<Vec<u8>, ModelError> {
        weights::encode(&self.decoder.layout, &self.weights)
    }

    /// Its shape as `config.json`.
    pub fn config(&self) -> Vec<u8> {
        self.decoder.config.to_json(self.tokenizer.end())
    }

    /// Its tokenizer.
    pub const fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// How many numbers it has learned.
    pub const fn parameters(&self) -> u64 {
        self.decoder.layout.len as u64
    }

    /// Bits of each token of a row given those before it; the first has none before it and costs nothing.
    fn bits(&self, tokens: &[u32]) -> Vec<f64> {
        let mut session = Session::new(&self.decoder, &self.weights);
        let normed = session.read(tokens);
        let mut logits = session.logits(&normed);
        let mut nats = vec![0.0; tokens.len()];
        if let ([_, targets @ ..], [_, nats @ ..]) = (tokens, nats.as_mut_slice()) {
            cross_entropy::losses(&mut logits, self.decoder.config.vocab, targets, nats);
        }
        nats.into_iter().map(|nats| nats / std::f64::consts::LN_2).collect()
    }
}

/// A decoder whose vocabulary holds the tokenizer's.
pub(crate) fn decoder_for(config: DecoderConfig, tokenizer: &Tokenizer) -> Result<Decoder, ModelError> {
    if config.vocab < tokenizer.vocab() {
        let (model, tokens) = (config.vocab, tokenizer.vocab());
        let reason = format!("it has {model} token ids, but the tokenizer has {tokens}");
        return Err(ModelError::Config { reason });
    }
    Decoder::new(config)
}

impl LanguageModel for Student {
    fn generate(
        &self,
        messages: &[Message],
        options: &GenerateOptions,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, ModelError> {
        let context = self.decoder.config.context;
        let transcript = Transcript::render(&self.tokenizer, messages)?;
        // Half the context at least stays for the question, however long the answer may become.
        let room = context.saturating_sub(options.max_tokens.min(context / 2) + 1);
        let mut prompt = transcript.newest(room).to_vec();
        prompt.push(self.tokenizer.role(Role::Assistant));
        let mut session = Session::new(&self.decoder, &self.weights);
        let mut read = prompt.clone();
        let draw = &mut |token: Option<u32>| {
            if let Some(token) = token {
                read = vec![token];
            }
            if session.room() < read.len() {
                return None;
            }
            let mut logits = session.next(&read);
            logits.truncate(self.tokenizer.vocab());
            cross_entropy::softmax(&mut logits);
            Some(logits)
        };
        Ok(answer(&self.tokenizer, options, prompt.len() as u64, draw, on_text))
    }

    /// Turns are scored within as much history as fits the context; of a turn that does not fit at all, each further
    /// stretch of a context's length starts from its role token alone.
    fn score(&self, messages: &[Message]) -> Result<Vec<TurnScore>, ModelError> {
        let transcript = Transcript::render(&self.tokenizer, messages)?;
        let context = self.decoder.config.context;
        let whole = (transcript.tokens.len() <= context).then(|| self.bits(&transcript.tokens));
        let scores = transcript.turns.iter().enumerate().map(|(i, turn)| {
            let bits = match &whole {
                Some(bits) => bits.get(turn.said()).unwrap_or_default().iter().sum(),
                None => self.turn_bits(&transcript, i),
            };
            TurnScore {
                turn: i,
                role: turn.role,
                bits,
                bytes: turn.bytes,
            }
        });
        Ok(scores.collect())
    }
}

impl Student {
    /// Bits of one turn of a conversation that is longer than the context.
    fn turn_bits(&self, transcript: &Transcript, turn: usize) -> f64 {
        let Some(span) = transcript.turns.get(turn) else {
            return 0.0;
        };
        let context = self.decoder.config.context;
        let starts = transcript.turns.iter().map(|earlier| earlier.tokens.start);
        let start = starts.take(turn + 1).find(|start| span.tokens.end - start <= context);
        if let Some(start) = start {
            let bits = self.bits(transcript.tokens.get(start..span.tokens.end).unwrap_or_default());
            return bits
                .get(span.tokens.start - start + 1..)
                .unwrap_or_default()
                .iter()
                .sum();
        }
        let role = transcript.tokens.get(span.tokens.start).copied().unwrap_or_default();
        let said = transcript.tokens.get(span.said()).unwrap_or_default();
        let stretches = said.chunks(context.saturating_sub(1).max(1));
        stretches
            .map(|stretch| self.bits(&[&[role], stretch].concat()).iter().sum::<f64>())
            .sum()
    }
}

/// The loop that every model answers with: draw a token, give out its text, stop where the turn ends.
///
/// `next` gets the token that was drawn (none at first) and gives the probabilities of the next one, or nothing where the
/// model can see no further.
pub(crate) fn answer(
    tokenizer: &Tokenizer,
    options: &GenerateOptions,
    prompt_tokens: u64,
    next: &mut dyn FnMut(Option<u32>) -> Option<Vec<f32>>,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Generated {
    let mut sampler = Sampler::new(options);
    let mut stream = StreamDecoder::default();
    let mut text = String::new();
    let mut finish = Finish::Length;
    let mut completion_tokens = 0;
    let mut drawn = None;
    for _ in 0..options.max_tokens {
        let Some(probabilities) = next(drawn) else { break };
        let token = sampler.draw(&probabilities);
        completion_tokens += 1;
        if token == tokenizer.end() {
            finish = Finish::Stop;
            break;
        }
        let piece = stream.push(tokenizer.bytes_of(token));
        text.push_str(&piece);
        if !piece.is_empty() && on_text(&piece).is_break() {
            finish = Finish::Cancelled;
            break;
        }
        drawn = Some(token);
    }
    let rest = stream.finish();
    if finish != Finish::Cancelled && !rest.is_empty() {
        text.push_str(&rest);
        if on_text(&rest).is_break() {
            finish = Finish::Cancelled;
        }
    }
    Generated {
        text,
        prompt_tokens,
        completion_tokens,
        finish,
    }
}

#[cfg(test)]
mod tests;
