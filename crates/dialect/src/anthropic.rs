//! `anthropic`: the Messages API, spoken by translation: a chat completion request becomes a Messages request, the answer and its
//! events become a chat completion and its chunks. Bytes in, bytes out: it knows neither sockets nor permits.
//!
//! Source: Anthropic API reference, "Messages", "Streaming messages", "Errors", "Versions" and "OpenAI SDK compatibility".

pub mod answer;
mod chunk;
mod conversation;
mod ending;
pub mod events;
mod parts;
pub mod request;
mod tools;

/// The API version that requests are written for.
///
/// 2026-10-21 removed `temperature`, `top_p` and `top_k` from every model; under 2023-06-01 the models that know them still take
/// them, and those that do not say so themselves. Source: "Versions".
const VERSION: &str = "2023-06-01";

/// The headers of a request. An answer names its request in the header `request-id`.
pub fn headers(key: &str) -> [(&'static str, &str); 2] {
    [("x-api-key", key), ("anthropic-version", VERSION)]
}

/// Where messages are asked for, under a base URL such as `https://api.anthropic.com/v1`.
pub fn url(base_url: &str) -> String {
    format!("{}/messages", base_url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn requests_go_to_messages_with_key_and_version() {
        let base = "https://api.anthropic.com/v1";
        assert_eq!(super::url(base), super::url(&format!("{base}/")));
        assert_eq!(super::url(base), "https://api.anthropic.com/v1/messages");
        assert_eq!(
            super::headers("k"),
            [("x-api-key", "k"), ("anthropic-version", "2023-06-01")]
        );
    }
}
