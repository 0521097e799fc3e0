//! `openai`: any server that speaks OpenAI's chat completions.
//! Source: OpenAI API reference, "Chat Completions" and "Streaming".

use cultivar_record::chat::{Chunk, Completion, Message};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use serde::Deserialize;

use super::{Answered, Chunks, ProviderCall, ProviderClient, local::LocalScore, sse::EventParser};
use crate::{GatewayError, error::without_values};

/// Most of an error body that is read: providers send pages of HTML.
const MOST_ERROR_CHARS: usize = 300;

/// Speaks to one OpenAI-compatible server.
pub struct OpenAi {
    http: reqwest::Client,
    provider: String,
    base_url: String,
    key: Option<String>,
}

impl OpenAi {
    /// A client for the API under `base_url`, for instance `https://api.example.com/v1`.
    pub fn new(http: reqwest::Client, provider: String, base_url: &str, key: Option<String>) -> Self {
        Self {
            http,
            provider,
            base_url: base_url.trim_end_matches('/').to_owned(),
            key,
        }
    }

    async fn post(&self, call: &ProviderCall) -> Result<reqwest::Response, GatewayError> {
        let body = serde_json::to_vec(&call.request).map_err(|e| self.malformed(&e))?;
        let mut request = self
            .http
            .post(format!("{}/chat/completions", self.base_url))
            .header("content-type", "application/json")
            .header("x-client-request-id", call.exchange.to_string())
            .body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refusal(response).await)
        }
    }

    async fn refusal(&self, response: reqwest::Response) -> GatewayError {
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap_or_default();
        let error = serde_json::from_slice::<ErrorBody>(&body)
            .map(|body| body.error)
            .unwrap_or_default();
        let message = error
            .message
            .unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        GatewayError::Refused {
            provider: self.provider.clone(),
            status,
            code: error
                .code
                .and_then(|code| code.as_str().map(str::to_owned))
                .unwrap_or_default(),
            message: message.chars().take(MOST_ERROR_CHARS).collect(),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> GatewayError {
        unreachable(&self.provider, error)
    }

    fn malformed(&self, error: &serde_json::Error) -> GatewayError {
        GatewayError::Malformed {
            provider: self.provider.clone(),
            reason: without_values(error),
        }
    }
}

/// The innermost cause tells more than "error sending request".
fn unreachable(provider: &str, error: &reqwest::Error) -> GatewayError {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    GatewayError::Unreachable {
        provider: provider.to_owned(),
        reason,
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorFields,
}

#[derive(Default, Deserialize)]
struct ErrorFields {
    message: Option<String>,
    code: Option<serde_json::Value>,
}

impl ProviderClient for OpenAi {
    fn complete(&self, call: ProviderCall) -> BoxFuture<'_, Result<Answered, GatewayError>> {
        async move {
            let response = self.post(&call).await?;
            let id = response
                .headers()
                .get("x-request-id")
                .and_then(|id| id.to_str().ok())
                .map(str::to_owned);
            let body = response.bytes().await.map_err(|e| self.unreachable(&e))?;
            let completion: Completion = serde_json::from_slice(&body).map_err(|e| self.malformed(&e))?;
            Ok(Answered {
                completion,
                request_id: id,
            })
        }
        .boxed()
    }

    fn stream(&self, call: ProviderCall) -> BoxFuture<'_, Result<Chunks, GatewayError>> {
        async move {
            let response = self.post(&call).await?;
            let provider = self.provider.clone();
            let state = (response, EventParser::default(), provider);
            Ok(stream::unfold(Some(state), next_chunks).flat_map(stream::iter).boxed())
        }
        .boxed()
    }

    fn score(&self, _messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>> {
        async move {
            Err(GatewayError::Unsupported {
                model: self.provider.clone(),
                what: "asked for probabilities",
            })
        }
        .boxed()
    }
}

type Reading = Option<(reqwest::Response, EventParser, String)>;

/// Reads the next bytes and returns the chunks that they complete.
async fn next_chunks(reading: Reading) -> Option<(Vec<Result<Chunk, GatewayError>>, Reading)> {
    let (mut response, mut parser, provider) = reading?;
    match response.chunk().await {
        Ok(None) => None,
        Err(error) => Some((vec![Err(unreachable(&provider, &error))], None)),
        Ok(Some(bytes)) => {
            let mut chunks = Vec::new();
            for data in parser.feed(&bytes) {
                if data == "[DONE]" {
                    return Some((chunks, None));
                }
                match parse_chunk(&data, &provider) {
                    Ok(chunk) => chunks.push(Ok(chunk)),
                    Err(error) => {
                        chunks.push(Err(error));
                        return Some((chunks, None));
                    }
                }
            }
            Some((chunks, Some((response, parser, provider))))
        }
    }
}

fn parse_chunk(data: &str, provider: &str) -> Result<Chunk, GatewayError> {
    let malformed = |e: serde_json::Error| GatewayError::Malformed {
        provider: provider.to_owned(),
        reason: without_values(&e),
    };
    serde_json::from_str(data).map_err(|e| match serde_json::from_str::<ErrorBody>(data) {
        Ok(ErrorBody { error }) => GatewayError::Refused {
            provider: provider.to_owned(),
            status: 200,
            code: error
                .code
                .and_then(|code| code.as_str().map(str::to_owned))
                .unwrap_or_default(),
            message: error
                .message
                .unwrap_or_default()
                .chars()
                .take(MOST_ERROR_CHARS)
                .collect(),
        },
        Err(_) => malformed(e),
    })
}
