//! The shapes of values: how they are described, and what is accepted. Records of the house keep their own types; what stands
//! here for them only describes them.

use cultivar_attest::{AttestError, Standing as Signatures};
use cultivar_governance::HandedSignature;
use cultivar_record::{
    Budget, BudgetPeriod, Decision, DutyKind, ErasureReason, FactName, Limit, MemberRole, MicroUsd, ProviderKind,
    Purpose, Retention, Standing,
};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

use super::extract::Object;

/// Longest name of anything, in characters.
const LONGEST_NAME: usize = 100;
/// Longest text for people, in characters.
const LONGEST_TEXT: usize = 1_000;

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn format(name: &str) -> ObjectBuilder {
    string().format(Some(SchemaFormat::Custom(name.to_owned())))
}

fn one_of<const N: usize>(names: [&'static str; N]) -> ObjectBuilder {
    string().enum_values(Some(names))
}

macro_rules! described {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {$(
        $(#[$doc])*
        pub(super) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.build().into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

described! {
    /// An id: UUID version 7.
    Id = format("uuid");
    /// A moment in UTC.
    Moment = format("date-time");
    /// `sha256:` and 64 hexadecimal digits.
    Sha256 = string().pattern(Some("^sha256:[0-9a-f]{64}$"));
    /// An ISO 3166 code or a named group such as `EU`.
    MarketCode = string().pattern(Some("^[A-Z]{2}(?:[A-Z0-9-]{0,5}[A-Z0-9])?$"));
    /// The key of a row of the terms register.
    TermsRow = string().pattern(Some("^[a-z0-9._-]{1,100}$"));
    /// An address, or a range of addresses in CIDR notation.
    AddressRange = string().pattern(Some(concat!(
        r"^(?:(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])",
        r"(?:/(?:3[0-2]|[12]?[0-9]))?|(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?:/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$"
    )));
    /// What a key was issued for.
    PurposeName = one_of(Purpose::ALL.map(Purpose::as_str));
    /// An organisation's state.
    StandingName = one_of(Standing::ALL.map(Standing::as_str));
    /// How much of a conversation is kept.
    RetentionName = one_of(Retention::ALL.map(Retention::as_str));
    /// What a member may do.
    RoleName = one_of(MemberRole::ALL.map(MemberRole::as_str));
    /// How a provider is spoken to.
    KindName = one_of(ProviderKind::ALL.map(ProviderKind::as_str));
    /// When a budget begins anew.
    PeriodName = one_of([BudgetPeriod::Day, BudgetPeriod::Month, BudgetPeriod::Total].map(BudgetPeriod::as_str));
    /// What was asked for.
    EndpointName = one_of(["chat_completions", "responses", "completions", "embeddings", "moderations"]);
    /// A use that is decided about.
    ActionName = one_of(["infer", "collect", "train", "evaluate", "publish_dataset", "release"]);
    /// What terms can ask for where a model is offered.
    DutyName = one_of(DutyKind::ALL.map(DutyKind::as_str));
    /// A fact of terms: a column of the register.
    FactWord = one_of(FactName::ALL.map(FactName::as_str));
    /// The class of reason for an erasure.
    ErasureReasonName = one_of(ErasureReason::ALL.map(ErasureReason::as_str));
    /// What the policies say.
    DecisionName = one_of(["permit", "forbid"]);
}

/// The name of a decision.
pub(super) const fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Permit => "permit",
        Decision::Forbid => "forbid",
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $most:expr, $pattern:expr, $fits:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(try_from = "String")]
        pub(super) struct $name(pub String);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = string().min_length(Some(1)).max_length(Some($most));
                text.pattern(Some($pattern)).build().into()
            }
        }

        impl ToSchema for $name {}

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let fits: fn(&str) -> bool = $fits;
                if !text.is_empty() && text.chars().count() <= $most && fits(&text) {
                    Ok(Self(text))
                } else {
                    Err($what)
                }
            }
        }
    )*};
}

texts! {
    /// A name: it begins with none of space, `.` and control characters.
    Name, "a name has at most 100 characters, none of them a control character, and begins with neither a space nor `.`",
        LONGEST_NAME, "^[^\\u0000-\\u0020.\\u007f][^\\u0000-\\u001f\\u007f]*$", is_name;
    /// Words for people, on one line.
    Words, "it must have 1 to 1000 characters, none of them a control character",
        LONGEST_TEXT, "^[^\\u0000-\\u001f\\u007f]+$", is_line;
    /// A public key: base64 of 32 bytes, or a PEM file.
    PublicKey, "it must have 1 to 1000 characters of base64 or of a PEM file",
        LONGEST_TEXT, "^[A-Za-z0-9+/= \\r\\n-]+$", is_key;
    /// A signature, base64.
    SignatureText, "it must have 1 to 100 characters of base64",
        LONGEST_NAME, "^[A-Za-z0-9+/=]+$", is_key;
    /// The address of a server.
    Address, "it is not the address of a server: `http://` or `https://`, a host, and perhaps a port, a path and a query",
        LONGEST_TEXT, "^https?://[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[1-9][0-9]{0,3}|:[1-5][0-9]{4})?(/[A-Za-z0-9._~/-]*)?(\\?[A-Za-z0-9._~=&-]*)?$",
        is_address;
    /// The name of an environment variable.
    Variable, "the name of an environment variable has letters, digits and `_` only, and does not begin with a digit",
        LONGEST_NAME, "^[A-Za-z_][A-Za-z0-9_]*$", is_variable;
}

fn is_line(text: &str) -> bool {
    !text.chars().any(|c| c.is_ascii_control())
}

fn is_key(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b' ' | b'-' | b'\r' | b'\n');
    text.bytes().all(fits)
}

fn is_name(text: &str) -> bool {
    is_line(text) && !text.starts_with([' ', '.'])
}

fn is_variable(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().all(fits) && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_address(text: &str) -> bool {
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    let uri = text.parse::<axum::http::Uri>();
    is_http && uri.is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()))
}

/// A signature that is handed in.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandedIn {
    /// The signer's public key.
    key: PublicKey,
    /// The signature (Ed25519).
    signature: SignatureText,
}

impl From<HandedIn> for HandedSignature {
    fn from(handed: HandedIn) -> Self {
        Self {
            key: handed.key.0,
            signature: handed.signature.0,
        }
    }
}

/// A signature that was taken.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a record; none is made from it")]
pub(super) struct SignatureView {
    /// Who signed.
    #[schema(value_type = Id)]
    member: (),
    /// With which public key.
    key: String,
    /// The signature, base64.
    signature: String,
    /// When it was taken.
    #[schema(value_type = Moment)]
    at: (),
}

/// Why something that people signed opens nothing.
#[derive(Serialize, ToSchema)]
pub(super) struct Fault {
    /// The stable code.
    code: String,
    /// In words.
    message: String,
    /// What to do.
    help: String,
}

impl Fault {
    pub(super) fn of(error: &AttestError) -> Self {
        Self {
            code: error.code().map(|code| code.to_string()).unwrap_or_default(),
            message: error.to_string(),
            help: error.help().map(|help| help.to_string()).unwrap_or_default(),
        }
    }
}

/// How something that people sign stands, in a word.
pub(super) fn state_of(standing: &Signatures) -> &'static str {
    let waits = |fault: &AttestError| {
        matches!(
            fault,
            AttestError::TooFewPeople { .. } | AttestError::RoleMissing { .. }
        )
    };
    match standing.faults.first() {
        None => "in force",
        Some(first) if waits(first) => "waiting",
        Some(_) => "void",
    }
}

/// What a key, a project or an organisation may use. What is left out or null is unlimited.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitShape {
    /// Money for a period.
    #[serde(deserialize_with = "object")]
    pub budget: Option<BudgetShape>,
    /// Requests per minute.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute, of requests and answers.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub tokens_per_minute: Option<u64>,
}

/// Money for a period.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetShape {
    /// How much, in millionths of a US dollar.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    pub amount: u64,
    /// When it begins anew.
    #[schema(value_type = PeriodName)]
    pub period: BudgetPeriod,
    /// At which shares of the amount, in percent, somebody is told.
    #[serde(default)]
    #[schema(value_type = Vec<Percent>, max_items = 20)]
    pub alert_at_percent: Vec<u8>,
}

/// A share in percent.
pub(super) enum Percent {}

impl PartialSchema for Percent {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        number.minimum(Some(1)).maximum(Some(100)).build().into()
    }
}

impl ToSchema for Percent {}

pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(value)| value))
}

/// Most that a limit can be: the largest whole number that canonical JSON writes as it is (RFC 8785, I-JSON). A larger one would be
/// stored as another, and perhaps as one that cannot be read back.
const MOST: u64 = (1 << 53) - 1;
/// Most thresholds of one budget.
const MOST_ALERTS: usize = 20;

impl LimitShape {
    /// The record.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(super) fn read(self) -> Result<Limit, super::Refusal> {
        let refuse = |what: &str, param: &str| Err(super::Refusal::invalid(what, Some(param)));
        if let Some(budget) = &self.budget {
            if budget.amount > MOST {
                return refuse("the budget is larger than any", "limit.budget.amount");
            }
            let is_share = |percent: &u8| (1..=100).contains(percent);
            if budget.alert_at_percent.len() > MOST_ALERTS || !budget.alert_at_percent.iter().all(is_share) {
                return refuse(
                    "at most 20 shares, each from 1 to 100 percent",
                    "limit.budget.alert_at_percent",
                );
            }
        }
        if self.requests_per_minute > Some(MOST) {
            return refuse("more requests than anybody sends", "limit.requests_per_minute");
        }
        if self.tokens_per_minute > Some(MOST) {
            return refuse("more tokens than anybody uses", "limit.tokens_per_minute");
        }
        Ok(Limit {
            budget: self.budget.map(|budget| Budget {
                alert_at_percent: budget.alert_at_percent,
                amount: MicroUsd::new(i64::try_from(budget.amount).unwrap_or(i64::MAX)),
                period: budget.period,
            }),
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
        })
    }
}

impl From<Limit> for LimitShape {
    fn from(limit: Limit) -> Self {
        Self {
            budget: limit.budget.map(|budget| BudgetShape {
                amount: budget.amount.get().unsigned_abs(),
                period: budget.period,
                alert_at_percent: budget.alert_at_percent,
            }),
            requests_per_minute: limit.requests_per_minute,
            tokens_per_minute: limit.tokens_per_minute,
        }
    }
}
