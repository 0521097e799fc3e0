//! The student: a byte-level tokenizer, a Llama-style decoder with its own forward and backward pass, the trainer that fits
//! it to conversations, and the n-gram model that it has to beat.
//!
//! Everything is bytes in, bytes out: this crate reads no files, no clock and no environment, opens no socket and prints
//! nothing. It does not know where conversations come from or whether they may be used. Weights are f32 in Hugging Face's
//! names and shapes, so that `transformers` loads them.

mod annotation;
mod config;
mod decoder;
mod error;
mod gemm;
mod kernel;
mod lane;
mod language_model;
mod layout;
mod ngram;
mod sampler;
mod session;
mod settings;
mod student;
mod tokenizer;
mod trainer;
mod transcript;
mod weights;
mod writing;

pub use annotation::{annotate, annotation};
pub use config::{DecoderConfig, Size};
pub use error::ModelError;
pub use language_model::{Finish, GenerateOptions, Generated, LanguageModel, TurnScore};
pub use ngram::{DEFAULT_ORDER, NgramBaseline};
pub use settings::{LearnFrom, TrainSettings};
pub use student::Student;
pub use tokenizer::{SMALLEST_VOCAB, StreamDecoder, Tokenizer};
pub use trainer::{CheckpointBytes, StepReport, Trainer};
pub use transcript::{CHAT_TEMPLATE, Transcript, TurnSpan};
pub use writing::{Likely, Reading, Told, WriteOptions, Written, WrittenToken};
