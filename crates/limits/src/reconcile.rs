//! Our record of calls against a provider's own usage report: what agrees, and every call or token that does not, by name.
//!
//! A report names single calls or sums them up over spans of time. Either way, what cannot be explained by calls of ours
//! whose end we do not know (or whose answer we did not read to the end) went past this gateway, or was never billed.
//!
//! It does not know where the records or the file come from, and asks nobody.

mod calls;
mod explain;
mod model_name;
mod spans;
mod usage;

use cultivar_record::{ExchangeId, Timestamp, TokenCount};
use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

pub use model_name::model_family;
pub use usage::{Counts, TheirCall, TheirSpan, UsageReport, read_usage};

/// An exchange as we recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurCall {
    /// The exchange.
    pub exchange: ExchangeId,
    /// The provider's own id of the call, where it gave one.
    pub provider_request_id: Option<String>,
    /// The model's name at the provider: what it bills, not the name of a deployment.
    pub provider_model: String,
    /// When it was asked.
    pub started_at: Timestamp,
    /// Tokens of the request.
    pub prompt_tokens: TokenCount,
    /// Tokens of the answer.
    pub completion_tokens: TokenCount,
    /// How it ended.
    pub state: OurState,
}

/// How an exchange of ours ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OurState {
    /// Answered.
    Answered,
    /// Answered in part: the provider may have billed more than came, or nothing.
    Partial,
    /// Not answered: the provider may have billed all the same.
    Failed,
    /// Nobody knows: the process died.
    Unknown,
    /// Still under way when the record was read.
    UnderWay,
}

impl OurState {
    /// Whether we have tokens that the provider should have billed.
    const fn has_usage(self) -> bool {
        matches!(self, Self::Answered | Self::Partial)
    }
}

impl OurCall {
    fn totals(&self) -> Totals {
        Totals::of_call(self.prompt_tokens, self.completion_tokens)
    }
}

/// Calls and tokens, or a difference of them. Where a report counts tokens alone, `calls` is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Totals {
    /// Calls.
    pub calls: i64,
    /// Tokens of requests.
    pub prompt_tokens: i64,
    /// Tokens of answers.
    pub completion_tokens: i64,
}

impl Totals {
    fn of_call(prompt: TokenCount, completion: TokenCount) -> Self {
        let signed = |tokens: TokenCount| i64::try_from(tokens.get()).unwrap_or(i64::MAX);
        Self {
            calls: 1,
            prompt_tokens: signed(prompt),
            completion_tokens: signed(completion),
        }
    }

    const fn is_zero(self) -> bool {
        self.calls == 0 && self.prompt_tokens == 0 && self.completion_tokens == 0
    }

    const fn is_at_least_zero(self) -> bool {
        self.calls >= 0 && self.prompt_tokens >= 0 && self.completion_tokens >= 0
    }

    fn zip(self, other: Self, with: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            calls: with(self.calls, other.calls),
            prompt_tokens: with(self.prompt_tokens, other.prompt_tokens),
            completion_tokens: with(self.completion_tokens, other.completion_tokens),
        }
    }

    fn plus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_add)
    }

    fn minus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_sub)
    }
}

/// Calls of ours that a difference comes from: the fewest that would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The exchanges.
    pub exchanges: Vec<ExchangeId>,
    /// Why these.
    pub why: Why,
    /// How many others (calls, or sets of calls of the same size) would do as well: with 0 it is these.
    pub alternatives: usize,
}

/// Why a difference comes from calls of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// We do not know how they ended; the provider billed them.
    OutcomeUnknown,
    /// We did not read their answers to the end; the provider billed all of them.
    AnswerCutShort,
    /// We did not read their answers to the end, and the provider did not bill them.
    CutShortNotBilled,
    /// Their tokens are exactly what the report lacks: the provider did not bill them, and there is no reason why.
    NotBilled,
    /// They began shortly before the end of the span; the provider counts them in the next one.
    NextSpan,
    /// Model, time and tokens agree; one side lacks the request id.
    SameTokens,
}

impl Why {
    /// Whether this is a reason, and not a name alone.
    const fn is_reason(self) -> bool {
        !matches!(self, Self::NotBilled)
    }
}

/// Something that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Difference {
    /// The provider billed a call that we do not have.
    TheirsNotOurs {
        /// The call.
        call: TheirCall,
        /// Whether an earlier line has the same request id.
        repeated: bool,
        /// A call of ours that may be it. Without: it did not go through the door.
        explained_by: Option<Explanation>,
    },
    /// We have a call that the provider did not bill.
    OursNotTheirs {
        /// The exchange.
        exchange: ExchangeId,
        /// What we recorded.
        tokens: Totals,
        /// Why, where there is a reason.
        explained_by: Option<Explanation>,
    },
    /// Both have the call, with other tokens.
    Tokens {
        /// The exchange.
        exchange: ExchangeId,
        /// The line of the report.
        line: u64,
        /// What the provider billed beyond what we recorded.
        difference: Totals,
        /// Why, where there is a reason.
        explained_by: Option<Explanation>,
    },
    /// The sums over a span of time differ.
    Span {
        /// The span and the model.
        span: SpanKey,
        /// What the report counts.
        counts: Counts,
        /// What the provider billed beyond what we recorded.
        difference: Totals,
        /// Calls of ours that it, or a part of it, comes from.
        explained_by: Vec<Explanation>,
        /// That for which there is no reason: where it is positive, it did not go through the door.
        unexplained: Totals,
    },
}

/// A span of time and a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SpanKey {
    /// From this moment.
    pub start: Timestamp,
    /// To before this one.
    pub end: Timestamp,
    /// The model's [`model_family`]; `None` where the report does not tell models apart.
    pub model: Option<String>,
}

impl Difference {
    /// Whether there is a reason for all of it.
    pub fn is_explained(&self) -> bool {
        match self {
            Self::TheirsNotOurs { explained_by, .. }
            | Self::OursNotTheirs { explained_by, .. }
            | Self::Tokens { explained_by, .. } => explained_by.as_ref().is_some_and(|by| by.why.is_reason()),
            Self::Span { unexplained, .. } => unexplained.is_zero(),
        }
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// What is the same on both sides.
    pub matched: Totals,
    /// What is not, in the order of the report, then of our record.
    pub differences: Vec<Difference>,
    /// Calls of ours at a time of which the report says nothing.
    pub outside: Vec<ExchangeId>,
}

impl Reconciliation {
    /// Whether every call and every token is accounted for.
    pub fn is_complete(&self) -> bool {
        self.outside.is_empty() && self.differences.iter().all(Difference::is_explained)
    }
}

/// Compares what we recorded with what a provider reports. `ours` is what the report should cover: everything that went to
/// this provider's account in the time that [`UsageReport::covers`].
pub fn reconcile(ours: &[OurCall], theirs: &UsageReport) -> Reconciliation {
    match theirs {
        UsageReport::Calls(theirs) => calls::reconcile(ours, theirs),
        UsageReport::Spans { counts, spans } => spans::reconcile(ours, spans, *counts),
    }
}

/// A usage report that cannot be read. What stands in its cells is never quoted.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum ReconcileError {
    /// No form of report that is known.
    #[error("the file's first line names no form of usage report that is known")]
    #[diagnostic(
        code("reconcile::unknown_form"),
        help(
            "export single calls (`request_id,model,timestamp,prompt_tokens,completion_tokens`), OpenAI's completions \
             usage, or Azure's cost and usage details"
        )
    )]
    UnknownForm,
    /// A column is missing.
    #[error("the report has no column `{column}`")]
    #[diagnostic(code("reconcile::missing_column"), help("export it again with all columns"))]
    MissingColumn {
        /// Which.
        column: &'static str,
    },
    /// A cell does not say what it should.
    #[error("line {line}, column `{column}`: this is not {expected}")]
    #[diagnostic(code("reconcile::unreadable"), help("correct the line, or export the report again"))]
    Unreadable {
        /// Counted from 1.
        line: u64,
        /// Which column, by our name for it.
        column: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
    /// The file is no CSV.
    #[error("line {line}: this is not a line of CSV in UTF-8 with as many cells as the first")]
    #[diagnostic(code("reconcile::not_csv"), help("save the report as CSV (UTF-8), with commas"))]
    NotCsv {
        /// Counted from 1.
        line: u64,
    },
    /// Spans of time overlap.
    #[error("line {line}: its span of time overlaps that of line {other}")]
    #[diagnostic(
        code("reconcile::overlap"),
        help("export with spans of one length, and compare one export at a time")
    )]
    Overlap {
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        other: u64,
    },
}
