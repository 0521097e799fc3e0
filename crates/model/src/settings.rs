//! How a student is trained: every dial, its default, and why that is the default.

use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::lane::Dropout;

/// Tokens per step: small enough for many steps in a minute on two cores, large enough to keep the matrix products busy.
const DEFAULT_BATCH_TOKENS: usize = 1024;
/// Lanes per step: conversations of a step are dealt to this many lanes, which run in parallel and are summed in order, so
/// that the result does not depend on how many threads there are.
const DEFAULT_LANES: usize = 4;
/// Highest learning rate; small decoders bear more than large ones.
const DEFAULT_LEARNING_RATE: f32 = 3e-3;
/// Share of the run during which the learning rate rises from 0.
const DEFAULT_WARMUP: f32 = 0.03;
/// Share of the highest learning rate that is left at the end.
const DEFAULT_FINAL_RATE: f32 = 0.0;
/// Weight decay of the matrices per unit of learning rate.
const DEFAULT_WEIGHT_DECAY: f32 = 0.1;
/// Share of the numbers added to the stream that are dropped in a step: a run passes over few conversations many times.
const DEFAULT_DROPOUT: f32 = 0.3;
/// Share of the first moment that is kept from step to step.
const DEFAULT_BETA1: f32 = 0.9;
/// Share of the second moment that is kept: less than usual, because runs are short.
const DEFAULT_BETA2: f32 = 0.95;
/// Gradients longer than this are shortened to it.
const DEFAULT_CLIP: f32 = 1.0;

/// Which tokens are to be learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnFrom {
    /// All turns: of few conversations every turn teaches something about the language.
    #[default]
    AllTurns,
    /// What the assistant says, and when it stops.
    AssistantTurns,
}

/// The dials of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Tokens per step, about.
    pub batch_tokens: usize,
    /// Parts of a step that run in parallel.
    pub lanes: usize,
    /// Highest learning rate.
    pub learning_rate: f32,
    /// Share of the run during which the learning rate rises, 0 to 1.
    pub warmup: f32,
    /// Share of the highest learning rate that is left at the end, 0 to 1.
    pub final_rate: f32,
    /// Weight decay of the matrices per unit of learning rate.
    pub weight_decay: f32,
    /// Share of numbers dropped, from 0 to below 1.
    pub dropout: f32,
    /// Share of the first moment kept, from 0 to below 1.
    pub beta1: f32,
    /// Share of the second moment kept, from 0 to below 1.
    pub beta2: f32,
    /// Greatest length of a gradient.
    pub clip: f32,
    /// Which tokens are to be learned.
    pub learn_from: LearnFrom,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            batch_tokens: DEFAULT_BATCH_TOKENS,
            lanes: DEFAULT_LANES,
            learning_rate: DEFAULT_LEARNING_RATE,
            warmup: DEFAULT_WARMUP,
            final_rate: DEFAULT_FINAL_RATE,
            weight_decay: DEFAULT_WEIGHT_DECAY,
            dropout: DEFAULT_DROPOUT,
            beta1: DEFAULT_BETA1,
            beta2: DEFAULT_BETA2,
            clip: DEFAULT_CLIP,
            learn_from: LearnFrom::default(),
        }
    }
}

impl TrainSettings {
    /// Whether every dial has a value that can work.
    ///
    /// # Errors
    /// [`ModelError::Setting`] with the first that has not.
    pub fn check(&self) -> Result<(), ModelError> {
        let share = |x: f32| (0.0..=1.0).contains(&x);
        let below_one = |x: f32| (0.0..1.0).contains(&x);
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let count = |x: usize| (1..=1 << 24).contains(&x);
        let from_0 = "from 0 to below 1";
        let dials: [(&'static str, bool, String, &'static str); 10] = [
            (
                "batch_tokens",
                count(self.batch_tokens),
                self.batch_tokens.to_string(),
                "at least 1",
            ),
            (
                "lanes",
                (1..=256).contains(&self.lanes),
                self.lanes.to_string(),
                "1 to 256",
            ),
            (
                "learning_rate",
                positive(self.learning_rate),
                self.learning_rate.to_string(),
                "above 0",
            ),
            ("warmup", share(self.warmup), self.warmup.to_string(), "from 0 to 1"),
            (
                "final_rate",
                share(self.final_rate),
                self.final_rate.to_string(),
                "from 0 to 1",
            ),
            (
                "weight_decay",
                (0.0..=100.0).contains(&self.weight_decay),
                self.weight_decay.to_string(),
                "at least 0",
            ),
            ("dropout", below_one(self.dropout), self.dropout.to_string(), from_0),
            ("beta1", below_one(self.beta1), self.beta1.to_string(), from_0),
            ("beta2", below_one(self.beta2), self.beta2.to_string(), from_0),
            ("clip", positive(self.clip), self.clip.to_string(), "above 0"),
        ];
        match dials.into_iter().find(|(_, holds, ..)| !holds) {
            None => Ok(()),
            Some((name, _, value, expected)) => Err(ModelError::Setting { name, value, expected }),
        }
    }

    /// The learning rate at `progress` from 0 (start) to 1 (end): a straight rise, then half a cosine down.
    pub fn rate_at(&self, progress: f32) -> f32 {
        let progress = progress.clamp(0.0, 1.0);
        if progress < self.warmup {
            // Never 0: the first step, at progress 0, must move.
            return self.learning_rate * (progress / self.warmup).max(0.01);
        }
        let after = (progress - self.warmup) / (1.0 - self.warmup).max(f32::EPSILON);
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * after).cos());
        self.learning_rate * (self.final_rate + (1.0 - self.final_rate) * cosine)
    }

    pub(crate) const fn dropout_of(&self, key: u64) -> Dropout {
        Dropout {
            rate: self.dropout,
            key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_its_end() {
        let settings = TrainSettings {
            learning_rate: 1.0,
            warmup: 0.1,
            final_rate: 0.2,
            ..TrainSettings::default()
        };
        let rates: Vec<f32> = [0.0, 0.05, 0.1, 0.55, 1.0, 2.0].map(|p| settings.rate_at(p)).to_vec();
        for (rate, expected) in rates.iter().zip([0.01, 0.5, 1.0, 0.6, 0.2, 0.2]) {
            assert!((rate - expected).abs() < 1e-5, "{rates:?}");
        }
    }

    #[test]
    fn unknown_dials_and_impossible_values_are_refused() {
        assert!(serde_json::from_str::<TrainSettings>(r#"{"learning_rat": 1}"#).is_err());
        let settings: TrainSettings = serde_json::from_str(r#"{"dropout": 1.0}"#).unwrap();
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "`dropout` is 1, but must be from 0 to below 1"
        );
        let nan = TrainSettings {
            learning_rate: f32::NAN,
            ..TrainSettings::default()
        };
        assert!(nan.check().is_err());
        TrainSettings::default().check().unwrap();
    }
}
