//! Training, step by step. The clock lives above: each step is told how far the run has come.
//!
//! A step deals whole conversations to its lanes, sums their gradients in order and moves the weights once. All that a run
//! depends on is its data, settings and seed: a resumed run goes on bit for bit as if it had never stopped.

mod corpus;

use cultivar_record::Seed;
use cultivar_record::chat::Message;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::decoder::Decoder;
use crate::kernel::adamw;
use crate::lane::{Lane, Rows};
use crate::layout::Kind;
use crate::student::decoder_for;
use crate::{DecoderConfig, ModelError, Student, Tokenizer, TrainSettings, weights};
use corpus::Corpus;

/// Added to the root of the second moment, as in the paper.
const EPSILON: f32 = 1e-8;
/// Tokens per lane when validating.
const VALIDATION_TOKENS: usize = 2048;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Steps so far, this one included.
    pub step: u64,
    /// Mean loss of its tokens in nats, before the weights moved.
    pub loss: f64,
    /// Tokens of the step.
    pub tokens: u64,
    /// The learning rate used.
    pub learning_rate: f32,
    /// Length of the gradient before clipping.
    pub grad_norm: f64,
}

/// A checkpoint as the bytes of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointBytes {
    /// `model.safetensors`: usable as a student by itself.
    pub weights: Vec<u8>,
    /// `optimizer.safetensors`: the moments and the place in the data.
    pub optimizer: Vec<u8>,
    /// Steps so far.
    pub step: u64,
    /// Tokens so far.
    pub tokens: u64,
}

/// Where a run stands, besides its arrays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    step: u64,
    tokens: u64,
    /// Conversations dealt out so far.
    conversations: u64,
    seed: u64,
}

/// A training run.
#[derive(Debug)]
pub struct Trainer {
    decoder: Decoder,
    tokenizer: Tokenizer,
    settings: TrainSettings,
    train: Corpus,
    validation: Corpus,
    weights: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    lanes: Vec<(Lane, Rows)>,
    position: Position,
}

impl Trainer {
    /// A run from fresh weights.
    ///
    /// Conversations longer than the context are cut at its end.
    ///
    /// # Errors
    /// [`ModelError::Setting`], [`ModelError::Config`], [`ModelError::NoData`] where there is nothing to learn, and
    /// [`ModelError::Tokenizer`] where a text cannot be turned into tokens.
    pub fn new(
        train: &[Vec<Message>],
        validation: &[Vec<Message>],
        tokenizer: Tokenizer,
        config: DecoderConfig,
        settings: TrainSettings,
        seed: Seed,
    ) -> Result<Self, ModelError> {
        settings.check()?;
        let decoder = decoder_for(config, &tokenizer)?;
        let context = decoder.config.context;
        let train = Corpus::new(train, &tokenizer, context, settings.learn_from)?;
        let validation = Corpus::new(validation, &tokenizer, context, settings.learn_from)?;
        if train.is_empty() {
            return Err(ModelError::NoData);
        }
        let weights = decoder.layout.initial(seed.get());
        let zeros = vec![0.0; decoder.layout.len];
        let lanes = (0..settings.lanes)
            .map(|_| (Lane::default(), Rows::default()))
            .collect();
        Ok(Self {
            decoder,
            tokenizer,
            train,
            validation,
            weights,
            first_moment: zeros.clone(),
            second_moment: zeros,
            lanes,
            position: Position {
                seed: seed.get(),
                ..Position::default()
            },
            settings,
        })
    }

    /// Goes on from a checkpoint of a run with the same data, tokenizer, configuration and settings.
    ///
    /// # Errors
    /// As [`Trainer::new`]; [`ModelError::Weights`] and [`ModelError::Checkpoint`] where the files are damaged or belong to
    /// another run.
    pub fn resume(
        train: &[Vec<Message>],
        validation: &[Vec<Message>],
        tokenizer: Tokenizer,
        config: DecoderConfig,
        settings: TrainSettings,
        checkpoint: &CheckpointBytes,
    ) -> Result<Self, ModelError> {
        let mut trainer = Self::new(train, validation, tokenizer, config, settings, Seed::new(0))?;
        let layout = &trainer.decoder.layout;
        trainer.weights = weights::decode(layout, &checkpoint.weights)?;
        let (text, moments) = weights::decode_arrays(&checkpoint.optimizer, MOMENTS, layout.len)?;
        [trainer.first_moment, trainer.second_moment] = moments;
        let position: Position = serde_json::from_str(&text).map_err(|error| ModelError::Checkpoint {
            reason: error.to_string(),
        })?;
        if (position.step, position.tokens) != (checkpoint.step, checkpoint.tokens) {
            let reason = format!(
                "it was taken at step {}, not at step {}",
                position.step, checkpoint.step
            );
            return Err(ModelError::Checkpoint { reason });
        }
        trainer.position = position;
        Ok(trainer)
    }

    /// The weights and everything that a resumed run needs.
    ///
    /// # Errors
    /// [`ModelError::Weights`] or [`ModelError::Checkpoint`] where they cannot be written.
    pub fn checkpoint(&self) -> Result<CheckpointBytes, ModelError> {
        let position = serde_json::to_string(&self.position).map_err(|error| ModelError::Checkpoint {
            reason: error.to_string(),
        })?;
        let [first, second] = MOMENTS;
        let arrays = [
            (first, self.first_moment.as_slice()),
            (second, self.second_moment.as_slice()),
        ];
        Ok(CheckpointBytes {
            weights: weights::encode(&self.decoder.layout, &self.weights)?,
            optimizer: weights::encode_arrays(&arrays, position)?,
            step: self.position.step,
            tokens: self.position.tokens,
        })
    }

    /// The student as it is now.
    pub fn student(&self) -> Student {
        Student::from_parts(self.decoder.clone(), self.weights.clone(), self.tokenizer.clone())
    }

    /// Steps so far.
    pub const fn steps(&self) -> u64 {
        self.position.step
    }

    /// Tokens so far.
    pub const fn tokens(&self) -> u64 {
        self.position.tokens
    }

    /// Tokens of the training conversations: one pass over the data.
    pub fn tokens_per_epoch(&self) -> u64 {
        self.train.tokens()
    }

    /// Moves the weights once. `progress` is the share of the run that is over, 0 to 1; it sets the learning rate.
    ///
    /// # Errors
    /// [`ModelError::Diverged`] where the loss or the gradient is no finite number; the weights then stay as they were.
    pub fn step(&mut self, progress: f32) -> Result<StepReport, ModelError> {
        let learning_rate = self.settings.rate_at(progress);
        let (tokens, targets) = self.deal();
        let key = mix(self.position.seed, self.position.step);
        let scale = 1.0 / targets.max(1) as f32;
        let (decoder, weights, settings) = (&self.decoder, &self.weights, &self.settings);
        let losses: Vec<f64> = self
            .lanes
            .par_iter_mut()
            .enumerate()
            .map(|(i, (lane, rows))| {
                let dropout = settings.dropout_of(mix(key, i as u64));
                lane.train(decoder, weights, rows, dropout, scale)
            })
            .collect();
        let loss = losses.iter().sum::<f64>() / targets.max(1) as f64;
        let grad_norm = self.sum_gradients();
        let step = self.position.step + 1;
        if !(loss.is_finite() && grad_norm.is_finite()) {
            return Err(ModelError::Diverged { step });
        }
        self.update(step, learning_rate, grad_norm);
        self.position.step = step;
        self.position.tokens += tokens;
        Ok(StepReport {
            step,
            loss,
            tokens,
            learning_rate,
            grad_norm,
        })
    }

    /// Deals the next conversations to the lanes; returns how many tokens and targets they hold.
    fn deal(&mut self) -> (u64, u64) {
        let seed = self.position.seed;
        let (batch, next) = self
            .train
            .batch(seed, self.position.conversations, self.settings.batch_tokens);
        self.position.conversations = next;
        for (_, rows) in &mut self.lanes {
            rows.clear();
        }
        for row in batch {
            let emptiest = self
                .lanes
                .iter_mut()
                .map(|(_, rows)| rows)
                .min_by_key(|rows| rows.tokens.len());
            if let Some(rows) = emptiest {
                rows.push(&row.tokens, &row.targets);
            }
        }
        let tokens: usize = self.lanes.iter().map(|(_, rows)| rows.tokens.len()).sum();
        let targets: usize = self.lanes.iter().map(|(_, rows)| rows.target_count()).sum();
        (tokens as u64, targets as u64)
    }

    /// Sums the gradients of all lanes into that of the first, always in the same order; returns its length.
    fn sum_gradients(&mut self) -> f64 {
        let layout = &self.decoder.layout;
        let mut lanes = self.lanes.iter_mut().map(|(lane, _)| layout.cut(&mut lane.gradient));
        let Some(total) = lanes.next() else { return 0.0 };
        let mut parts: Vec<(&mut [f32], Vec<&mut [f32]>)> = total.into_iter().map(|part| (part, Vec::new())).collect();
        for lane in lanes {
            for ((_, others), part) in parts.iter_mut().zip(lane) {
                others.push(part);
            }
        }
        let squares: Vec<f64> = parts
            .into_par_iter()
            .map(|(total, others)| sum_part(total, &others))
            .collect();
        squares.iter().sum::<f64>().sqrt()
    }

    fn update(&mut self, step: u64, learning_rate: f32, grad_norm: f64) {
        let settings = &self.settings;
        let powers = |beta: f32| (1.0 / (1.0 - f64::from(beta).powf(step as f64))) as f32;
        let update = adamw::Update {
            learning_rate,
            beta1: settings.beta1,
            beta2: settings.beta2,
            epsilon: EPSILON,
            correction1: powers(settings.beta1),
            correction2: powers(settings.beta2),
            gradient_scale: (f64::from(settings.clip) / grad_norm.max(1e-12)).min(1.0) as f32,
        };
        let layout = &self.decoder.layout;
        let Some((lane, _)) = self.lanes.first_mut() else {
            return;
        };
        let gradient = layout.cut(&mut lane.gradient);
        let moments = layout
            .cut(&mut self.first_moment)
            .into_iter()
            .zip(layout.cut(&mut self.second_moment));
        let parts: Vec<_> = layout
            .cut(&mut self.weights)
            .into_iter()
            .zip(gradient)
            .zip(moments)
            .collect();
        parts
            .into_par_iter()
            .zip(&layout.tensors)
            .for_each(|(((weights, gradient), (first, second)), tensor)| {
                let decay = if tensor.kind == Kind::Norm {
                    0.0
                } else {
                    settings.weight_decay
                };
                adamw::step(&update, decay, weights, gradient, first, second);
            });
    }

    /// Bits per byte of text on the validation conversations, role and end tokens included; `None` where there are none.
    pub fn validation_bits_per_byte(&mut self) -> Option<f64> {
        let mut parts: Vec<Rows> = vec![Rows::default()];
        for row in self.validation.rows() {
            if parts.last().is_some_and(|rows| rows.tokens.len() > VALIDATION_TOKENS) {
                parts.push(Rows::default());
            }
            if let Some(rows) = parts.last_mut() {
                rows.push(&row.tokens, &row.targets);
            }
        }
        let (decoder, weights) = (&self.decoder, &self.weights);
        let lanes = self.lanes.len();
        let nats: f64 = self
            .lanes
            .par_iter_mut()
            .enumerate()
            .map(|(i, (lane, _))| -> f64 {
                let parts = parts.iter().skip(i).step_by(lanes);
                parts
                    .map(|rows| lane.evaluate(decoder, weights, rows).iter().sum::<f64>())
                    .sum()
            })
            .collect::<Vec<f64>>()
            .iter()
            .sum();
        let bytes = self.validation.bytes();
        (bytes > 0).then(|| nats / std::f64::consts::LN_2 / bytes as f64)
    }
}

/// The names of the moments in `optimizer.safetensors`.
const MOMENTS: [&str; 2] = ["first_moment", "second_moment"];

/// Adds the other lanes' gradients of one tensor to the first; returns the sum of squares.
fn sum_part(total: &mut [f32], others: &[&mut [f32]]) -> f64 {
    crate::kernel::vectorised(
        #[inline(always)]
        || {
            for other in others {
                for (total, other) in total.iter_mut().zip(other.iter()) {
                    *total += other;
                }
            }
            total
                .chunks(4096)
                .map(|chunk| f64::from(crate::kernel::reduce::dot(chunk, chunk)))
                .sum()
        },
    )
}

/// A number that differs wherever its two sources differ. Source: Steele et al. 2014, `SplitMix64`.
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_add(b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests;
