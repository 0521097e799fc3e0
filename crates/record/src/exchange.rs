//! Exchanges: one recorded request with its answer, usage, cost, route and verdict.

use serde::{Deserialize, Serialize};

use crate::{
    ApiKeyId, ConversationId, Digest, ExchangeId, LeafIndex, Market, MicroUsd, OrganizationId, Purpose, TermsKey,
    Timestamp, TokenCount, VerdictId,
};

/// What is written before a provider is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The exchange.
    pub id: ExchangeId,
    /// Who asks.
    pub organization: OrganizationId,
    /// With which key.
    pub api_key: ApiKeyId,
    /// The caller's market.
    pub market: Market,
    /// What the key was issued for.
    pub purpose: Purpose,
    /// The conversation, where the caller named one.
    pub conversation: Option<ConversationId>,
    /// The model asked for.
    pub model: String,
    /// The provider chosen, by name.
    pub provider: String,
    /// The model's name at the provider.
    pub provider_model: String,
    /// The terms in force at the call, by key and digest.
    pub terms: TermsKey,
    /// Digest of the terms' facts at the call.
    pub terms_digest: Digest,
    /// The verdict that permitted the call.
    pub verdict: VerdictId,
    /// The request body, canonical JSON, in the blob store.
    pub request: Digest,
    /// When.
    pub at: Timestamp,
}

/// Tokens of one exchange and who counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request.
    pub prompt: TokenCount,
    /// Tokens of the answer.
    pub completion: TokenCount,
}

/// Why an exchange has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable code, for instance `provider::unreachable`.
    pub code: String,
    /// The provider's HTTP status, where there was one.
    pub status: Option<u16>,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ExchangeOutcome {
    /// The provider answered; the answer is in the blob store.
    Answered {
        /// The answer body, canonical JSON of a [`crate::chat::Completion`].
        answer: Digest,
        /// Tokens used.
        usage: Usage,
        /// What it cost.
        cost: MicroUsd,
        /// The provider's own request id, where it gave one.
        provider_request_id: Option<String>,
    },
    /// The client left or the stream broke; what had come is in the blob store and is billed.
    Partial {
        /// What had come, as canonical JSON of a [`crate::chat::Completion`].
        answer: Digest,
        /// Tokens used.
        usage: Usage,
        /// What it cost.
        cost: MicroUsd,
    },
    /// No answer.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The process died between intent and outcome: nobody was answered, and the provider may have billed.
    Unknown,
}

impl ExchangeOutcome {
    /// `answered`, `partial`, `failed`, `unknown`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Partial { .. } => "partial",
            Self::Failed { .. } => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// A recorded exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// What was about to happen.
    pub intent: Intent,
    /// Where the ledger holds the intent.
    pub intent_leaf: LeafIndex,
    /// What happened; `None` while the call is under way.
    pub outcome: Option<ExchangeOutcome>,
    /// Where the ledger holds the outcome.
    pub outcome_leaf: Option<LeafIndex>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
