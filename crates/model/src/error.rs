//! What can go wrong with a student.

use miette::Diagnostic;
use thiserror::Error;

/// A file that is not what it claims to be, a setting that cannot work, or a training run that cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum ModelError {
    /// `tokenizer.json` cannot be used.
    #[error("the tokenizer cannot be used: {reason}")]
    #[diagnostic(
        code("model::tokenizer"),
        help("use the `tokenizer.json` that was written when the student was trained")
    )]
    Tokenizer {
        /// What is wrong with it.
        reason: String,
    },
    /// `config.json` cannot be used.
    #[error("the model configuration cannot be used: {reason}")]
    #[diagnostic(
        code("model::config"),
        help("students are Llama decoders with f32 weights; use the `config.json` that belongs to the weights")
    )]
    Config {
        /// What is wrong with it.
        reason: String,
    },
    /// The weights are damaged or belong to another model.
    #[error("the weights cannot be used: {reason}")]
    #[diagnostic(
        code("model::weights"),
        help("use the `model.safetensors` that was written together with `config.json`, or train again")
    )]
    Weights {
        /// What is wrong with them.
        reason: String,
    },
    /// The state of the optimiser is damaged or belongs to another run.
    #[error("the training state cannot be used: {reason}")]
    #[diagnostic(
        code("model::checkpoint"),
        help("resume from an older checkpoint of the same run, or start the run again")
    )]
    Checkpoint {
        /// What is wrong with it.
        reason: String,
    },
    /// A training setting has a value that cannot work.
    #[error("`{name}` is {value}, but must be {expected}")]
    #[diagnostic(code("model::setting"), help("correct the `train` section of the recipe"))]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// There is nothing to train on.
    #[error("there is nothing to learn from: no conversation has text in a turn that counts")]
    #[diagnostic(
        code("model::no_data"),
        help("check that the training split is not empty and that it holds assistant turns")
    )]
    NoData,
    /// The loss or the gradient stopped being a number.
    #[error("training diverged at step {step}: the loss is no longer a finite number")]
    #[diagnostic(
        code("model::diverged"),
        help("the last checkpoint is intact: resume from it with a lower `learning_rate`")
    )]
    Diverged {
        /// The step that was not taken.
        step: u64,
    },
}
