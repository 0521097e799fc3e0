//! What can be wrong with a record.

use miette::Diagnostic;
use thiserror::Error;

/// A text or value that is not the record it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum RecordError {
    /// A text does not parse as the named thing.
    #[error("`{text}` is not a {what}: {reason}")]
    #[diagnostic(code("record::malformed"), help("write it as in this example: `{example}`"))]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What was found, shortened.
        text: String,
        /// Why it is none.
        reason: String,
        /// One that is right.
        example: &'static str,
    },
    /// A value has no canonical JSON.
    #[error("the value has no canonical JSON form: {reason}")]
    #[diagnostic(
        code("record::not_canonical"),
        help("numbers must be finite and map keys must be strings (RFC 8785)")
    )]
    NotCanonical {
        /// What the canonicaliser said.
        reason: String,
    },
}

impl RecordError {
    pub(crate) fn malformed(what: &'static str, text: &str, reason: impl Into<String>, example: &'static str) -> Self {
        let text = if text.chars().count() > 80 {
            text.chars().take(77).chain("...".chars()).collect()
        } else {
            text.to_owned()
        };
        Self::Malformed {
            what,
            text,
            reason: reason.into(),
            example,
        }
    }
}
