//! Why a translation between OpenAI's shapes and a provider's own did not succeed. It knows no HTTP: who answers the client chooses
//! the status.

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

/// What is wrong with a JSON text, without the value that was found: it may be text of a person.
pub fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let is_about_a_field = text.starts_with("missing field") || text.starts_with("duplicate field");
    if !error.is_data() || is_about_a_field {
        return text;
    }
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    expected.map_or_else(
        || "a value is not of its kind".to_owned(),
        |expected| format!("a value is wrong, expected {expected}"),
    )
}
