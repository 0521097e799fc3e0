//! Why a model of our own does not answer. None of it repeats what a person said.

use thiserror::Error;

use crate::LocalFailure;

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OwnError {
    /// The request is wrong.
    #[error("{message}")]
    Invalid {
        /// What was wrong.
        message: String,
        /// The field, where it is known.
        param: Option<String>,
    },
    /// A field has a value that a model of our own cannot honour.
    #[error("`{param}` with {value} is not supported")]
    UnsupportedValue {
        /// The field.
        param: &'static str,
        /// The value, where it is one of the API's own words.
        value: &'static str,
    },
    /// The request is longer than the model sees.
    #[error("{message}")]
    ContextLength {
        /// OpenAI's words for it, by which clients know the case.
        message: String,
        /// The field.
        param: &'static str,
    },
    /// The model cannot do this.
    #[error("the model cannot be {what}")]
    Unsupported {
        /// What was asked.
        what: &'static str,
    },
    /// The model failed.
    #[error("the model failed: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl OwnError {
    pub(crate) fn invalid(message: impl Into<String>, param: &str) -> Self {
        Self::Invalid {
            message: message.into(),
            param: Some(param.to_owned()),
        }
    }
}

impl From<LocalFailure> for OwnError {
    fn from(failure: LocalFailure) -> Self {
        match failure {
            LocalFailure::Unsupported(what) => Self::Unsupported { what },
            LocalFailure::Failed(reason) => Self::Failed { reason },
        }
    }
}
