//! `gemini`: Gemini through its OpenAI-compatible endpoint.
//! Source: Gemini API reference, "OpenAI compatibility"; what it refuses stands in [`cultivar_dialect::gemini`].

use cultivar_dialect::gemini;
use cultivar_record::chat::Message;
use futures_util::{FutureExt, future::BoxFuture};

use super::{ProviderCall, ProviderClient, Reply, local::LocalScore, openai, openai::OpenAi};
use crate::GatewayError;

/// Speaks to Gemini.
pub(crate) struct Gemini {
    provider: String,
    api: OpenAi,
}

impl Gemini {
    /// A client for the endpoint, which is Google's own where no other is named.
    pub(crate) fn new(provider: String, base_url: Option<&str>, key: Option<&str>) -> Self {
        Self {
            api: OpenAi::new(provider.clone(), base_url.unwrap_or(gemini::BASE_URL), key),
            provider,
        }
    }
}

impl ProviderClient for Gemini {
    fn ask(&self, call: ProviderCall) -> BoxFuture<'_, Result<Reply, GatewayError>> {
        async move {
            if let Some(name) = gemini::refused_parameter(&call.body) {
                return Err(GatewayError::invalid(
                    format!("`{name}` is not known to this model's provider; leave it out"),
                    name,
                ));
            }
            self.api.ask(call).await
        }
        .boxed()
    }

    fn score(&self, _messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>> {
        openai::no_scores(&self.provider)
    }
}
