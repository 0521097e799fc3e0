//! How an answer ended: why, and what it cost in tokens.

use serde::{Deserialize, Serialize};

/// What the provider counts. In a stream it tells some numbers at the beginning and others, cumulative, at the end.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

/// The same as the chat completions API counts it, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CompletionUsage {
    /// The whole prompt: what was read anew, what was written to a cache, and what came out of it.
    pub(crate) prompt_tokens: u64,
    /// The whole answer, thinking included.
    pub(crate) completion_tokens: u64,
    /// Both.
    pub(crate) total_tokens: u64,
    /// Of the prompt.
    pub(crate) prompt_tokens_details: PromptDetails,
    /// Of the answer, where the provider tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) completion_tokens_details: Option<CompletionDetails>,
}

/// What came out of and went into a cache, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PromptDetails {
    /// Read from a cache.
    pub(crate) cached_tokens: u64,
    /// Written to one.
    pub(crate) cache_write_tokens: u64,
}

/// What was thought and not said, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CompletionDetails {
    /// Spent on thinking.
    pub(crate) reasoning_tokens: u64,
}

impl Usage {
    /// Takes over the numbers that came later.
    pub(super) fn absorb(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_creation_input_tokens = later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }

    /// As the chat completions API counts.
    pub(super) fn of_completion(self) -> CompletionUsage {
        let written = self.cache_creation_input_tokens.unwrap_or(0);
        let cached = self.cache_read_input_tokens.unwrap_or(0);
        let prompt = self
            .input_tokens
            .unwrap_or(0)
            .saturating_add(written)
            .saturating_add(cached);
        let completion = self.output_tokens.unwrap_or(0);
        let thinking = self.output_tokens_details.and_then(|details| details.thinking_tokens);
        CompletionUsage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
            prompt_tokens_details: PromptDetails {
                cached_tokens: cached,
                cache_write_tokens: written,
            },
            completion_tokens_details: thinking.map(|reasoning_tokens| CompletionDetails { reasoning_tokens }),
        }
    }
}

/// What the provider says of a refusal.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StopDetails {
    pub(super) explanation: Option<String>,
}

/// OpenAI's word for a reason to stop. The provider's own stands beside it as `native_finish_reason`: `pause_turn` (a long turn that
/// wants to be asked to go on) and reasons that are not known yet have none of OpenAI's but `stop`.
pub(super) fn finish_reason(stop_reason: &str) -> &'static str {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ => "stop",
    }
}
