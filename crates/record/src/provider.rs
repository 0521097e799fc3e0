//! Providers: who serves a model.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{MicroUsd, ProviderId, RecordError, TermsKey, Timestamp};

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// Any server that speaks OpenAI's API.
    Openai,
    /// The embedded teacher: recorded assistant turns of real dialogues, over OpenAI's API on loopback.
    Recorded,
    /// A model of our own, in this process.
    Local,
}

impl ProviderKind {
    /// The name in recipes and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
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
        [Self::Openai, Self::Recorded, Self::Local]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| RecordError::malformed("provider kind", text, "no such kind", "openai, recorded or local"))
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
}
