//! Why a translation between OpenAI's shapes and a provider's own did not succeed. It knows no HTTP: who answers the client chooses
//! the status.

use cultivar_record::without_values;
use thiserror::Error;

/// A translation that did not succeed. Neither variant holds words of a person.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TranslateError {
    /// The request is not one, or asks for something that the provider has no words for: 400 `invalid_request_error`.
    /// Asking another time does not help.
    #[error("{message}")]
    Request {
        /// What is wrong and what to do instead.
        message: String,
        /// Where, in OpenAI's notation: `messages[0].content`.
        param: Option<String>,
    },
    /// The provider's answer is not what its reference says: 502.
    #[error("the answer cannot be read: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
}

impl TranslateError {
    /// The request asks for what cannot be said.
    pub fn request(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Request {
            message: message.into(),
            param: Some(param.into()),
        }
    }

    /// A part of the request is not of its kind.
    pub fn wrong(param: impl Into<String>, error: &serde_json::Error) -> Self {
        let param = param.into();
        Self::Request {
            message: format!(
                "`{param}` is not what the chat completions reference says: {}",
                without_values(error)
            ),
            param: Some(param),
        }
    }

    /// The answer is not of its kind.
    pub fn answer(error: &serde_json::Error) -> Self {
        Self::Answer {
            reason: without_values(error),
        }
    }
}
