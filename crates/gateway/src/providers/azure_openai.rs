//! `azure-openai`: Azure's OpenAI service, by its v1 API or by deployment paths.
//! Source: Azure OpenAI REST API reference; what is said of addresses and of the content filter stands in [`cultivar_dialect::azure`].

use bytes::Bytes;
use cultivar_dialect::azure::{self, Resource, content_filter_error};
use cultivar_record::chat::Message;
use futures_util::{FutureExt, future::BoxFuture};
use hyper::{HeaderMap, header::HeaderName};

use super::{ProviderCall, ProviderClient, Reply, http::HttpClient, local::LocalScore, openai};
use crate::GatewayError;

/// Speaks to one Azure resource.
pub(crate) struct AzureOpenAi {
    http: HttpClient,
    provider: String,
    resource: Resource,
    model: String,
    headers: HeaderMap,
}

impl AzureOpenAi {
    /// A client for the resource or deployment under `base_url`.
    ///
    /// # Errors
    /// `provider_unreachable` where the address is none of Azure's forms.
    pub(crate) fn new(
        provider: String,
        base_url: &str,
        model: String,
        key: Option<&str>,
    ) -> Result<Self, GatewayError> {
        let resource = Resource::parse(base_url).map_err(|error| GatewayError::Unreachable {
            provider: provider.clone(),
            reason: error.to_string(),
        })?;
        let mut headers = HeaderMap::new();
        for (name, value) in azure::headers(key.unwrap_or_default()) {
            if let Some(value) = openai::secret(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Ok(Self {
            http: HttpClient::default(),
            provider,
            resource,
            model,
            headers,
        })
    }
}

impl ProviderClient for AzureOpenAi {
    fn ask(&self, call: ProviderCall) -> BoxFuture<'_, Result<Reply, GatewayError>> {
        async move {
            let url = self.resource.url(call.endpoint.path(), &self.model);
            let posted = openai::post(
                &self.http,
                &self.provider,
                url.as_str(),
                &self.headers,
                &call,
                call.body.clone(),
            );
            let response = posted.await.map_err(with_content_filter)?;
            openai::pass_through(&self.provider, call.stream, response).await
        }
        .boxed()
    }

    fn score(&self, _messages: Vec<Message>) -> BoxFuture<'_, Result<Vec<LocalScore>, GatewayError>> {
        openai::no_scores(&self.provider)
    }
}

/// A content filter's refusal in the shape that clients know, with Azure's `innererror` beside it.
fn with_content_filter(error: GatewayError) -> GatewayError {
    match error {
        GatewayError::Refused(mut refusal) => {
            let filtered = refusal.body.as_deref().and_then(content_filter_error);
            if let Some(body) = filtered {
                refusal.body = Some(Bytes::from(body));
            }
            GatewayError::Refused(refusal)
        }
        other => other,
    }
}
