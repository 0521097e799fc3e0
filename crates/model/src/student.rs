//! The student as a language model: weights, shape and tokenizer put together.

use cultivar_record::Seed;
use cultivar_record::chat::Message;

use crate::decoder::Decoder;
use crate::kernel::cross_entropy;
use crate::language_model::{LanguageModel, TurnScore};
use crate::session::Session;
use crate::transcript::Transcript;
use crate::writing::Reading;
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
    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn context(&self) -> Option<usize> {
        Some(self.decoder.config.context)
    }

    fn reading(&self) -> Box<dyn Reading + '_> {
        Box::new(StudentReading {
            session: Session::new(&self.decoder, &self.weights),
            tokens: self.tokenizer.vocab(),
        })
    }

    fn width(&self) -> Option<usize> {
        Some(self.decoder.config.width)
    }

    /// The mean of the normed streams after the last layer, `[width]`, made 1 long.
    fn embed(&self, tokens: &[u32]) -> Option<Vec<f32>> {
        let width = self.decoder.config.width;
        let streams = Session::new(&self.decoder, &self.weights).read(tokens);
        let mut sum = vec![0.0; width];
        for stream in streams.chunks_exact(width) {
            for (sum, x) in sum.iter_mut().zip(stream) {
                *sum += x;
            }
        }
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        // The mean and the sum point the same way.
        Some(sum.into_iter().map(|x| x / length.max(f32::MIN_POSITIVE)).collect())
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

/// A session that tells log-probabilities.
struct StudentReading<'a> {
    session: Session<'a>,
    /// Ids that stand for a token; the vocabulary of the weights may be larger.
    tokens: usize,
}

impl StudentReading<'_> {
    /// Over the whole vocabulary of the weights, as in training and in scores.
    fn log_probs(&self, mut logits: Vec<f32>) -> Vec<f32> {
        cross_entropy::log_softmax(&mut logits);
        logits.truncate(self.tokens);
        logits
    }
}

impl Reading for StudentReading<'_> {
    fn room(&self) -> usize {
        self.session.room()
    }

    fn next(&mut self, tokens: &[u32]) -> Vec<f32> {
        let logits = self.session.next(tokens);
        self.log_probs(logits)
    }

    fn each(&mut self, tokens: &[u32]) -> Vec<Vec<f32>> {
        let normed = self.session.read(tokens);
        let logits = self.session.logits(&normed);
        let rows = logits.chunks_exact(self.session.vocab());
        rows.map(|row| self.log_probs(row.to_vec())).collect()
    }
}

#[cfg(test)]
mod tests;
