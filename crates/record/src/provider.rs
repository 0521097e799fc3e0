//! Providers: who serves a model.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Market, MicroUsd, ProviderId, RecordError, TermsKey, Timestamp};

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// Any server that speaks OpenAI's API.
    Openai,
    /// Azure OpenAI: the v1 API or deployment paths, with the `api-key` header.
    AzureOpenai,
    /// Anthropic's Messages API, translated both ways.
    Anthropic,
    /// Gemini through its OpenAI-compatible endpoint.
    Gemini,
    /// The embedded teacher: recorded assistant turns of real dialogues, over OpenAI's API on loopback.
    Recorded,
    /// A model of our own, in this process.
    Local,
}

impl ProviderKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Openai,
        Self::AzureOpenai,
        Self::Anthropic,
        Self::Gemini,
        Self::Recorded,
        Self::Local,
    ];

    /// The name in recipes and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::AzureOpenai => "azure-openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Recorded => "recorded",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            RecordError::malformed(
                "provider kind",
                text,
                "no such kind",
                "openai, azure-openai, anthropic, gemini, recorded or local",
            )
        })
    }
}

/// What a provider charges, per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For tokens of the request.
    pub prompt_per_million: MicroUsd,
    /// For tokens of the answer.
    pub completion_per_million: MicroUsd,
}

/// A registered provider of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// Its name, unique in the data directory.
    pub name: String,
    /// How it is spoken to.
    pub kind: ProviderKind,
    /// The model's name at the gateway.
    pub model: String,
    /// The model's name at the provider.
    pub provider_model: String,
    /// Where it is: the API's base URL, for instance `https://api.example.com/v1`. `None` for `local`.
    pub base_url: Option<String>,
    /// The environment variable that holds the key. The key itself is never stored.
    pub key_variable: Option<String>,
    /// The terms that bind what it answers.
    pub terms: TermsKey,
    /// What it charges.
    pub price: Price,
    /// Since when.
    pub created_at: Timestamp,
    /// The markets in which it is offered under these terms; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markets: Vec<Market>,
    /// Where it stores and processes; unknown where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residency: Vec<Market>,
    /// Its share among candidates that are permitted and healthy; where no candidate has one, the cheapest is asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Whether it bills a call that is cancelled: such a call is heard to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bills_cancelled: bool,
}
