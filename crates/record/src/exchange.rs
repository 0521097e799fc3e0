//! Exchanges: one recorded request with its answer, usage, cost, route and verdict.

use serde::{Deserialize, Serialize};

use crate::{
    ApiKeyId, ConversationId, Digest, Endpoint, ErasureId, ExchangeId, LeafIndex, Market, MicroUsd, OrganizationId,
    ProjectId, Purpose, TermsKey, Timestamp, TokenCount, VerdictId,
};

/// What is written before a provider is called. One attempt is one exchange: a question that a second provider answers
/// leaves two. The fields stand in the order of their canonical JSON ([`crate::sorted_json`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// With which key.
    pub api_key: ApiKeyId,
    /// When.
    pub at: Timestamp,
    /// The first attempt at the same question, where this is a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_of: Option<ExchangeId>,
    /// The conversation, where the caller named one.
    pub conversation: Option<ConversationId>,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Endpoint::is_chat")]
    pub endpoint: Endpoint,
    /// The exchange.
    pub id: ExchangeId,
    /// The caller's market.
    pub market: Market,
    /// The model asked for.
    pub model: String,
    /// Who asks.
    pub organization: OrganizationId,
    /// The project of the key, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// The provider chosen, by name.
    pub provider: String,
    /// The model's name at the provider.
    pub provider_model: String,
    /// What the key was issued for.
    pub purpose: Purpose,
    /// The request body as it was kept, by its digest.
    pub request: Digest,
    /// The terms in force at the call, by key and digest.
    pub terms: TermsKey,
    /// Digest of the terms' facts at the call.
    pub terms_digest: Digest,
    /// The verdict that permitted the call.
    pub verdict: VerdictId,
}

/// Tokens of one exchange and who counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request.
    pub prompt: TokenCount,
    /// Tokens of the answer.
    pub completion: TokenCount,
    /// Whether the gateway estimated them from the text, since the provider did not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// What a provider counted.
    pub const fn counted(prompt: TokenCount, completion: TokenCount) -> Self {
        Self {
            prompt,
            completion,
            estimated: false,
        }
    }
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
        /// The answer's body as it was kept: the bytes of the provider's JSON, or of its event stream.
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
        /// What had come, as it was kept.
        answer: Digest,
        /// Tokens used.
        usage: Usage,
        /// What it cost.
        cost: MicroUsd,
        /// The provider's own request id, where it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider_request_id: Option<String>,
    },
    /// No answer.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The process died between intent and outcome: nobody was answered, and the provider may have billed.
    Unknown,
    /// What was said is destroyed, and the salts with it; what it cost stays.
    Erased {
        /// Tokens used.
        usage: Usage,
        /// What it cost.
        cost: MicroUsd,
        /// The erasure.
        erasure: ErasureId,
    },
}

impl ExchangeOutcome {
    /// `answered`, `partial`, `failed`, `unknown`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Partial { .. } => "partial",
            Self::Failed { .. } => "failed",
            Self::Unknown => "unknown",
            Self::Erased { .. } => "erased",
        }
    }

    /// What was used and what it cost: nothing where nothing was answered.
    pub fn bill(&self) -> (Usage, MicroUsd) {
        match self {
            Self::Answered { usage, cost, .. }
            | Self::Partial { usage, cost, .. }
            | Self::Erased { usage, cost, .. } => (*usage, *cost),
            Self::Failed { .. } | Self::Unknown => (Usage::default(), MicroUsd::default()),
        }
    }

    /// The digest of the answer, where there is one.
    pub const fn answer(&self) -> Option<Digest> {
        match self {
            Self::Answered { answer, .. } | Self::Partial { answer, .. } => Some(*answer),
            Self::Failed { .. } | Self::Unknown | Self::Erased { .. } => None,
        }
    }

    /// Whether what was said is destroyed.
    pub const fn is_erased(&self) -> bool {
        matches!(self, Self::Erased { .. })
    }

    /// The provider's own request id, where there is one.
    pub fn provider_request_id(&self) -> Option<&str> {
        match self {
            Self::Answered {
                provider_request_id, ..
            }
            | Self::Partial {
                provider_request_id, ..
            } => provider_request_id.as_deref(),
            Self::Failed { .. } | Self::Unknown | Self::Erased { .. } => None,
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
