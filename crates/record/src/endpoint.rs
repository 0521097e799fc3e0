//! What a client can ask for. Source: OpenAI API reference; the paths below `/v1`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A path of the model API through which a provider is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /v1/chat/completions`.
    #[default]
    ChatCompletions,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/moderations`.
    Moderations,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 5] = [
        Self::ChatCompletions,
        Self::Responses,
        Self::Completions,
        Self::Embeddings,
        Self::Moderations,
    ];

    /// The path below `/v1/`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat/completions",
            Self::Responses => "responses",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
        }
    }

    /// The operation's name in the OpenTelemetry conventions for generative AI (`gen_ai.operation.name`).
    pub const fn operation(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat",
            Self::Responses => "generate_content",
            Self::Completions => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderation",
        }
    }

    /// Whether this is the chat, which records leave unsaid.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(crate) const fn is_chat(&self) -> bool {
        matches!(self, Self::ChatCompletions)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}
