//! `anthropic`: the Messages API, spoken by translation both ways.
//! Source: Anthropic API reference; the translation stands in [`cultivar_dialect::anthropic`].

use bytes::Bytes;
use cultivar_dialect::{
    TranslateError,
    anthropic::{self, answer::to_completion, events::EventTranslator, request::to_messages},
};
use cultivar_record::{Endpoint, chat::Message};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use hyper::{HeaderMap, body::Incoming, header::HeaderName};

use super::{ProviderCall, ProviderClient, Reply, ReplyBody, http, http::HttpClient, local::LocalScore, openai};
use crate::GatewayError;

/// Where the API is where no other address is named.
const BASE_URL: &str = "https://api.anthropic.com/v1";

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Speaks to one Anthropic-compatible server.
pub(crate) struct Anthropic {
    http: HttpClient,
    provider: String,
    model: String,
    url: String,
    headers: HeaderMap,
}

impl Anthropic {
    /// A client for the API under `base_url`.
    pub(crate) fn new(provider: String, base_url: Option<&str>, model: String, key: Option<&str>) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in anthropic::headers(key.unwrap_or_default()) {
            if let Some(value) = openai::secret(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Self {
            http: HttpClient::default(),
            provider,
            model,
            url: anthropic::url(base_url.unwrap_or(BASE_URL)),
            headers,
        }
    }

    async fn translated(&self, call: ProviderCall) -> Result<Reply, GatewayError> {
        if call.endpoint != Endpoint::ChatCompletions {
            return Err(GatewayError::Unsupported {
                model: call.model,
                what: "asked through this endpoint; use chat completions",
            });
        }
        let body = to_messages(&call.body, &self.model).map_err(|e| self.untranslated(e))?;
        let response = openai::post(
            &self.http,
            &self.provider,
            &self.url,
            &self.headers,
            &call,
            Bytes::from(body),
        )
        .await?;
        let id = response.headers().get(REQUEST_ID);
        let request_id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = if call.stream {
            let translator = EventTranslator::new(call.model, call.at.seconds());
            ReplyBody::Events(events(self.provider.clone(), translator, response.into_body()))
        } else {
            let answer = http::read(&self.provider, response.into_body()).await?;
            let translated = to_completion(&answer, &call.model, call.at.seconds());
            ReplyBody::Whole(Bytes::from(translated.map_err(|e| self.untranslated(e))?))
        };
        Ok(Reply { request_id, body })
    }

    fn untranslated(&self, error: TranslateError) -> GatewayError {
        match error {
            TranslateError::Request { message, param } => GatewayError::InvalidRequest { message, param },
            TranslateError::Answer { reason } => GatewayError::Malformed {
                provider: self.provider.clone(),
                reason,
            },
        }
    }
}

impl ProviderClient for Anthropic {
    fn ask(&self, call: ProviderCall) -> BoxFuture<'_, Result<Reply, GatewayError>> {
        self.translated(call).boxed()
    }

    fn score(&self, _messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>> {
        openai::no_scores(&self.provider)
    }
}

/// The events of an answer, translated as they come.
fn events(
    provider: String,
    translator: EventTranslator,
    body: Incoming,
) -> BoxStream<'static, Result<Bytes, GatewayError>> {
    let step = |reading: Option<(String, EventTranslator, Incoming)>| async {
        let (provider, mut translator, mut body) = reading?;
        match http::next(&provider, &mut body).await {
            Ok(None) => Some((Ok(Bytes::from(translator.end())), None)),
            Ok(Some(bytes)) => {
                let translated = Bytes::from(translator.feed(&bytes));
                Some((Ok(translated), Some((provider, translator, body))))
            }
            Err(error) => Some((Err(error), None)),
        }
    };
    stream::unfold(Some((provider, translator, body)), step).boxed()
}
