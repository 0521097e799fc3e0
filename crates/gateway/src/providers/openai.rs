//! `openai`: any server that speaks OpenAI's API. Its bytes pass through as they are.
//! Source: OpenAI API reference, "Chat Completions", "Responses", "Streaming".

use bytes::Bytes;
use cultivar_dialect::Refusal;
use cultivar_record::chat::Message;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use http_body_util::Full;
use hyper::{
    HeaderMap, Request, Response, Uri,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};

use super::{ProviderCall, ProviderClient, Reply, ReplyBody, http, http::HttpClient, local::LocalScore};
use crate::GatewayError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Speaks to one OpenAI-compatible server.
pub struct OpenAi {
    http: HttpClient,
    provider: String,
    base_url: String,
    headers: HeaderMap,
}

impl OpenAi {
    /// A client for the API under `base_url`, for instance `https://api.example.com/v1`.
    pub fn new(provider: String, base_url: &str, key: Option<&str>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(key) = key.and_then(|key| secret(&format!("Bearer {key}"))) {
            headers.insert(AUTHORIZATION, key);
        }
        Self {
            http: HttpClient::default(),
            provider,
            base_url: base_url.trim_end_matches('/').to_owned(),
            headers,
        }
    }
}

impl ProviderClient for OpenAi {
    fn ask(&self, call: ProviderCall) -> BoxFuture<'_, Result<Reply, GatewayError>> {
        async move {
            let url = format!("{}/{}", self.base_url, call.endpoint.path());
            let response = post(
                &self.http,
                &self.provider,
                &url,
                &self.headers,
                &call,
                call.body.clone(),
            )
            .await?;
            pass_through(&self.provider, call.stream, response).await
        }
        .boxed()
    }

    fn score(&self, _messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>> {
        no_scores(&self.provider)
    }
}

/// A header value that is not shown in debug output.
pub(super) fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What a provider says that tells no probabilities.
pub(super) fn no_scores(provider: &str) -> BoxFuture<'static, Result<Vec<LocalScore>, GatewayError>> {
    let error = GatewayError::Unsupported {
        model: provider.to_owned(),
        what: "asked for probabilities",
    };
    async move { Err(error) }.boxed()
}

/// Posts a call's body; an answer that is none of success is read as a refusal.
pub(super) async fn post(
    http: &HttpClient,
    provider: &str,
    url: &str,
    headers: &HeaderMap,
    call: &ProviderCall,
    body: Bytes,
) -> Result<Response<Incoming>, GatewayError> {
    let uri: Uri = url.parse().map_err(|_| GatewayError::Unreachable {
        provider: provider.to_owned(),
        reason: "its base URL is no URL".to_owned(),
    })?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = hyper::Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().clone_from(headers);
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    if let Ok(id) = HeaderValue::from_str(&call.exchange.to_string()) {
        request.headers_mut().insert(CLIENT_REQUEST_ID, id);
    }
    let response = http.send(provider, request).await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let (head, body) = response.into_parts();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let read = http::read(provider, body).await.unwrap_or_default();
    let refusal = Refusal::read(status, &read).with_headers(text("retry-after-ms"), text("retry-after"));
    Err(GatewayError::refused(provider, refusal, read))
}

/// The answer as it is.
pub(super) async fn pass_through(
    provider: &str,
    stream: bool,
    response: Response<Incoming>,
) -> Result<Reply, GatewayError> {
    let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let request_id = id.map(str::to_owned);
    let body = if stream {
        ReplyBody::Events(events(provider.to_owned(), response.into_body()))
    } else {
        ReplyBody::Whole(http::read(provider, response.into_body()).await?)
    };
    Ok(Reply { request_id, body })
}

/// The bytes of a body as they come; ends after a failure.
pub(super) fn events(provider: String, body: Incoming) -> BoxStream<'static, Result<Bytes, GatewayError>> {
    let step = |reading: Option<(String, Incoming)>| async {
        let (provider, mut body) = reading?;
        match http::next(&provider, &mut body).await {
            Ok(None) => None,
            Ok(Some(bytes)) => Some((Ok(bytes), Some((provider, body)))),
            Err(error) => Some((Err(error), None)),
        }
    };
    stream::unfold(Some((provider, body)), step).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown() {
        let client = OpenAi::new("p".to_owned(), "http://127.0.0.1/v1/", Some("sk-secret"));
        assert!(!format!("{:?}", client.headers).contains("sk-secret"));
        assert_eq!(client.base_url, "http://127.0.0.1/v1");
    }
}
