//! What can go wrong: next to nothing, and then nothing is handed out.

use miette::Diagnostic;
use thiserror::Error;

use crate::Kind;

/// Text that could not be made clean. It never holds the text.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum PrivacyError {
    /// A scan of the result still finds personal data that is not ours.
    #[error("a value of kind `{kind}` was still found after {rounds} rounds of replacement")]
    #[diagnostic(
        code("privacy::residue"),
        help("this is a bug in a detector: leave the conversation out and report the shape of the text, not the text")
    )]
    Residue {
        /// What is left.
        kind: Kind,
        /// How often it was tried.
        rounds: u32,
    },
}
