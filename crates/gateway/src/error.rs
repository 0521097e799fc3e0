//! Why a call was not answered. The same code appears in the HTTP body, on the command line and in the docs.

use std::sync::Arc;

use bytes::Bytes;
use cultivar_ledger::LedgerError;
use cultivar_policy::PolicyError;
use cultivar_record::{Enforcement, Market, ProviderKind, Purpose, RecordError, TermsKey, Verdict};
use cultivar_store::StoreError;
use miette::Diagnostic;
use thiserror::Error;

use cultivar_dialect::{EnvelopeError, Refusal, Sign};
use cultivar_limits::rates::{Exceeded, LimitRefusal};
use cultivar_record::without_values;

/// A provider's refusal, in its words and in ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRefusal {
    /// The provider.
    pub provider: String,
    /// Its HTTP status.
    pub status: u16,
    /// Its error type.
    pub kind: String,
    /// Its error code.
    pub code: String,
    /// The parameter that it names.
    pub param: Option<String>,
    /// Its words.
    pub message: String,
    /// What it means.
    pub sign: Sign,
    /// Its body, where that is an error in OpenAI's shape.
    pub body: Option<Bytes>,
}

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
    /// A key whose time is over.
    #[error("the API key `{prefix}…` has expired")]
    #[diagnostic(code("invalid_api_key"), help("make a new key with `cultivar key create`"))]
    ExpiredKey {
        /// The visible beginning of the key.
        prefix: String,
    },
    /// A key that is not served from this address.
    #[error("the API key `{prefix}…` may not be used from this address")]
    #[diagnostic(
        code("ip_not_authorized"),
        help("ask from an address that the key allows, or make one with `cultivar key create --allow-ip`")
    )]
    AddressNotAllowed {
        /// The visible beginning of the key.
        prefix: String,
    },
    /// The organisation is not served.
    #[error("the organisation's account is not active")]
    #[diagnostic(
        code("account_deactivated"),
        help("ask the operator of this service about the organisation's standing")
    )]
    NotServed {
        /// The case behind it, where there is one.
        enforcement: Option<Box<Enforcement>>,
    },
    /// The project is not served.
    #[error("the project `{project}` is archived")]
    #[diagnostic(code("account_suspended"), help("use a key of another project, or make one"))]
    ProjectNotServed {
        /// The project.
        project: String,
    },
    /// The key may not do this.
    #[error("the API key `{prefix}…` was issued to {purpose} and may not do this")]
    #[diagnostic(code("permission_denied"), help("use a key of another purpose: `cultivar key list`"))]
    WrongPurpose {
        /// The visible beginning of the key.
        prefix: String,
        /// What it was issued for.
        purpose: Purpose,
    },
    /// The claim of an application about its user's market is not one.
    #[error("the claim about the market is not accepted: {reason}")]
    #[diagnostic(
        code("invalid_market_claim"),
        help("sign it with the key that was registered for the project: see `cultivar project --help`")
    )]
    Claim {
        /// Why.
        reason: &'static str,
    },
    /// A limit per minute is reached.
    #[error("{refusal}")]
    #[diagnostic(
        code("rate_limit_exceeded"),
        help("`cultivar key list` and `cultivar org show` tell the limits")
    )]
    RateLimited {
        /// Which limit, and for how long.
        refusal: Box<LimitRefusal>,
    },
    /// A budget is used up.
    #[error("{refusal}")]
    #[diagnostic(
        code("insufficient_quota"),
        help("`cultivar usage` tells what was spent; whoever runs this service can raise the budget")
    )]
    OutOfBudget {
        /// Which budget, and for how long.
        refusal: Box<LimitRefusal>,
    },
    /// Nothing is offered in the caller's market.
    #[error("nothing is offered in the market `{market}`")]
    #[diagnostic(code("unsupported_country_region_territory"), help("{}", advise(verdict)))]
    MarketClosed {
        /// The caller's market.
        market: Market,
        /// The verdict with its reasons.
        verdict: Arc<Verdict>,
    },
    /// The model is not offered in the caller's market.
    #[error("the model `{model}` is not offered in the market `{market}`")]
    #[diagnostic(code("model_not_available_in_region"), help("{}", advise(verdict)))]
    NotOffered {
        /// The model asked for.
        model: String,
        /// The caller's market.
        market: Market,
        /// The verdict with its reasons.
        verdict: Arc<Verdict>,
    },
    /// The organisation's data may not go to where the model is.
    #[error("the model `{model}` is processed where the organisation's data may not be")]
    #[diagnostic(code("data_residency_mismatch"), help("{}", advise(verdict)))]
    NotResident {
        /// The model asked for.
        model: String,
        /// The verdict with its reasons.
        verdict: Arc<Verdict>,
    },
    /// Every provider that may be asked is left alone for now.
    #[error("no provider of the model `{model}` can be asked at the moment")]
    #[diagnostic(
        code("no_provider_available"),
        help("ask again in a moment; `cultivar route explain --model {model}` says why each is left alone")
    )]
    NobodyHealthy {
        /// The model asked for.
        model: String,
    },
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
        verdict: Arc<Verdict>,
    },
    /// No such row of terms.
    #[error("there is no row `{terms}` in the terms register")]
    #[diagnostic(code("unknown_terms"), help("list the rows with `cultivar terms list`"))]
    UnknownTerms {
        /// The row asked for.
        terms: TermsKey,
    },
    /// The terms of our own models were named for what others may answer.
    #[error("`{provider}` is of kind `{kind}`, and only a model in this process is one of our own")]
    #[diagnostic(
        code("not_own"),
        help(
            "name the terms of whoever answers there (`cultivar terms list`); `build` publishes a model of your own, of kind `local`"
        )
    )]
    NotOwn {
        /// The provider.
        provider: String,
        /// Its kind.
        kind: ProviderKind,
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
    #[error("the provider `{}` answered {}: {}", .0.provider, .0.status, .0.message)]
    #[diagnostic(
        code("provider_refused"),
        help("the words are the provider's; see its documentation{}", documented(&.0.code))
    )]
    Refused(Box<ProviderRefusal>),
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

/// What to look up there.
fn documented(code: &str) -> String {
    if code.is_empty() {
        String::new()
    } else {
        format!(" for `{code}`")
    }
}

impl GatewayError {
    /// The stable code, without the crate's prefix where the wire has its own name.
    pub fn code_text(&self) -> String {
        self.code().map(|code| code.to_string()).unwrap_or_default()
    }

    /// Why an exchange failed, for its record: never the provider's words, which may quote the prompt.
    pub fn failure(&self) -> cultivar_record::Failure {
        let status = if let Self::Refused(refusal) = self {
            Some(refusal.status)
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

    /// A provider's refusal. Its body is kept where it is an error in OpenAI's shape, so that clients see what they know.
    pub(crate) fn refused(provider: &str, refusal: Refusal, body: Bytes) -> Self {
        let sign = Sign::read(&refusal);
        Self::Refused(Box::new(ProviderRefusal {
            provider: provider.to_owned(),
            status: refusal.status,
            kind: refusal.kind,
            code: refusal.code,
            param: refusal.param,
            message: refusal.message,
            sign,
            body: Some(body).filter(|body| body.starts_with(b"{") && !body.starts_with(b"{\"type\":\"error\"")),
        }))
    }

    /// A limit that does not let a call through.
    pub(crate) fn limited(refusal: Box<LimitRefusal>) -> Self {
        match refusal.exceeded {
            Exceeded::Budget { .. } => Self::OutOfBudget { refusal },
            Exceeded::Requests { .. } | Exceeded::Tokens { .. } => Self::RateLimited { refusal },
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, param: &str) -> Self {
        Self::InvalidRequest {
            message: message.into(),
            param: Some(param.to_owned()),
        }
    }
}

impl From<EnvelopeError> for GatewayError {
    fn from(error: EnvelopeError) -> Self {
        let EnvelopeError { message, param } = error;
        Self::InvalidRequest { message, param }
    }
}
