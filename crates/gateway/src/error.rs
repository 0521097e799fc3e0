//! Why a call was not answered. The same code appears in the HTTP body, on the command line and in the docs.

use cultivar_ledger::LedgerError;
use cultivar_policy::PolicyError;
use cultivar_record::{RecordError, TermsKey, Verdict};
use cultivar_store::StoreError;
use miette::Diagnostic;
use thiserror::Error;

/// A failure at the door.
#[derive(Debug, Error, Diagnostic)]
pub enum GatewayError {
    /// No key, or none that is known.
    #[error("the API key is missing or not known")]
    #[diagnostic(
        code("invalid_api_key"),
        help("send `Authorization: Bearer <key>`; make a key with `cultivar key create`")
    )]
    InvalidKey,
    /// A key that was revoked.
    #[error("the API key `{prefix}…` was revoked")]
    #[diagnostic(code("invalid_api_key"), help("make a new key with `cultivar key create`"))]
    RevokedKey {
        /// The visible beginning of the key.
        prefix: String,
    },
    /// The organisation is not served.
    #[error("the organisation's account is not active")]
    #[diagnostic(
        code("account_deactivated"),
        help("ask the operator of this service about the organisation's standing")
    )]
    NotServed,
    /// No such model.
    #[error("the model `{model}` does not exist")]
    #[diagnostic(
        code("model_not_found"),
        help("list the models with `GET /v1/models` or `cultivar provider list`")
    )]
    UnknownModel {
        /// The model asked for.
        model: String,
    },
    /// The body is not a request that can be answered.
    #[error("{message}")]
    #[diagnostic(code("invalid_request"), help("see the chat completions reference of OpenAI's API"))]
    InvalidRequest {
        /// What was wrong.
        message: String,
        /// The field, where it is known.
        param: Option<String>,
    },
    /// A request that the model cannot see at once.
    #[error("{message}")]
    #[diagnostic(code("context_length_exceeded"))]
    ContextLength {
        /// OpenAI's words for it, by which clients know the case.
        message: String,
        /// The field.
        param: &'static str,
    },
    /// A field has a value that a model of our own cannot honour.
    #[error("the model `{model}` does not support `{param}` with {value}")]
    #[diagnostic(code("unsupported_value"), help("leave `{param}` out"))]
    UnsupportedValue {
        /// The model.
        model: String,
        /// The field.
        param: &'static str,
        /// The value, where it is one of the API's own words.
        value: &'static str,
    },
    /// Policy forbids this use.
    #[error("{}", explain(verdict))]
    #[diagnostic(code("license_scope_denied"), help("{}", advise(verdict)))]
    Forbidden {
        /// The verdict with its reasons.
        verdict: Box<Verdict>,
    },
    /// No such row of terms.
    #[error("there is no row `{terms}` in the terms register")]
    #[diagnostic(code("unknown_terms"), help("list the rows with `cultivar terms list`"))]
    UnknownTerms {
        /// The row asked for.
        terms: TermsKey,
    },
    /// Somebody else moved the tree head.
    #[error("the tree head was replaced by another process")]
    #[diagnostic(
        code("ledger::second_publisher"),
        help("stop the other process: a ledger has exactly one writer")
    )]
    SecondPublisher,
    /// The provider could not be reached.
    #[error("the provider `{provider}` cannot be reached: {reason}")]
    #[diagnostic(
        code("provider_unreachable"),
        help("check `base_url` with `cultivar provider show {provider}` and try again")
    )]
    Unreachable {
        /// The provider.
        provider: String,
        /// Why.
        reason: String,
    },
    /// The provider refused.
    #[error("the provider `{provider}` answered {status}: {message}")]
    #[diagnostic(
        code("provider_refused"),
        help("the words are the provider's; see its documentation for `{code}`")
    )]
    Refused {
        /// The provider.
        provider: String,
        /// Its HTTP status.
        status: u16,
        /// Its error code.
        code: String,
        /// Its words.
        message: String,
    },
    /// The provider's answer is not one.
    #[error("the provider `{provider}` sent an answer that cannot be read: {reason}")]
    #[diagnostic(
        code("provider_malformed"),
        help("check that `base_url` names an OpenAI-compatible API, usually ending in `/v1`")
    )]
    Malformed {
        /// The provider.
        provider: String,
        /// Why.
        reason: String,
    },
    /// The variable with the provider's key is not set.
    #[error("the environment variable `{variable}` with the key of `{provider}` is not set")]
    #[diagnostic(
        code("provider_key_missing"),
        help("export `{variable}` and start again; the key itself is never stored")
    )]
    MissingKey {
        /// The provider.
        provider: String,
        /// The variable.
        variable: String,
    },
    /// The provider cannot do this.
    #[error("the model `{model}` cannot be {what}")]
    #[diagnostic(code("unsupported"), help("use a model of our own: `cultivar model list`"))]
    Unsupported {
        /// The model.
        model: String,
        /// What was asked.
        what: &'static str,
    },
    /// A model of our own failed.
    #[error("the model `{model}` failed: {reason}")]
    #[diagnostic(code("model_failed"), help("run `cultivar model verify {model}`"))]
    ModelFailed {
        /// The model.
        model: String,
        /// Why.
        reason: String,
    },
    /// The process is ending.
    #[error("the server is stopping and did not finish this call")]
    #[diagnostic(code("stopping"), help("ask again in a moment"))]
    Stopped,
    /// Storage failed; nothing was answered that is not recorded.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The ledger failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// The policies or the terms are wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Policy(#[from] PolicyError),
    /// A record is malformed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}

fn explain(verdict: &Verdict) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{} is forbidden under `{}`", verdict.action, verdict.terms);
    if let Some(reason) = verdict.first_reason() {
        let _ = write!(text, " by policy `{}`", reason.policy);
        if let (Some(fact), Some(value)) = (reason.fact, reason.value) {
            let _ = write!(text, " ({fact} = {value})");
        }
        if let Some(clause) = &reason.clause {
            let _ = write!(text, ", clause {clause}");
        }
    }
    text
}

fn advise(verdict: &Verdict) -> String {
    let advice = verdict.first_reason().and_then(|reason| reason.advice.clone());
    advice.unwrap_or_else(|| "use a provider whose terms permit it: `cultivar terms list`".to_owned())
}

impl GatewayError {
    /// The stable code, without the crate's prefix where the wire has its own name.
    pub fn code_text(&self) -> String {
        self.code().map(|code| code.to_string()).unwrap_or_default()
    }

    /// Why an exchange failed, for its record: never the provider's words, which may quote the prompt.
    pub fn failure(&self) -> cultivar_record::Failure {
        let status = if let Self::Refused { status, .. } = self {
            Some(*status)
        } else {
            None
        };
        cultivar_record::Failure {
            code: self.code_text(),
            status,
        }
    }

    /// A body that is not a chat request.
    pub fn unreadable_request(error: &serde_json::Error) -> Self {
        Self::InvalidRequest {
            message: format!("the body is not a chat completion request: {}", without_values(error)),
            param: None,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, param: &str) -> Self {
        Self::InvalidRequest {
            message: message.into(),
            param: Some(param.to_owned()),
        }
    }
}

/// What is wrong with a JSON text, without the value that was found: it may be text of a person.
pub(crate) fn without_values(error: &serde_json::Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use cultivar_record::chat::ChatRequest;

    #[test]
    fn what_is_wrong_is_said_without_the_words_of_a_person() {
        let told = |text: &str| without_values(&serde_json::from_str::<ChatRequest>(text).unwrap_err());
        assert_eq!(told("{"), "EOF while parsing an object at line 1 column 1");
        assert_eq!(told(r#"{"model":"m"}"#), "missing field `messages` at line 1 column 13");
        for text in [
            r#"{"model":"m","messages":"secret, expected nothing"}"#,
            r#"{"model":"m","messages":[{"role":"secret","content":"x"}]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":{"secret":1}}]}"#,
            r#"{"model":["secret"],"messages":[]}"#,
        ] {
            assert!(!told(text).contains("secret"), "{}", told(text));
            assert!(told(text).starts_with("a value"), "{}", told(text));
        }
    }
}
