//! `azure-openai`: where its endpoints are, and its content filter's errors. It speaks OpenAI's own words otherwise, so that nothing
//! is translated.
//!
//! Two forms of addresses: the v1 API (`https://RESOURCE.openai.azure.com/openai/v1/…`, the deployment in `model`, no version needed)
//! and the dated API, with the deployment in the path of some endpoints and `api-version` in the query.
//! Source: Azure OpenAI reference, "API version lifecycle", "Inference REST API", "Content filtering".

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;
use url::Url;

/// The dated version that is asked for where an address with `/deployments` names none: the last one that is generally available.
const DEFAULT_API_VERSION: &str = "2024-10-21";
/// The endpoints that have the deployment in their path; the others of the dated API have it in `model`.
const OF_DEPLOYMENTS: [&str; 3] = ["chat/completions", "completions", "embeddings"];
/// Stands in an address for the deployment that a request names.
const PLACEHOLDER: &str = "{deployment}";

/// Where the endpoints of a resource are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The v1 API.
    V1 {
        /// Up to and with `/openai/v1`, with the query, if it has any.
        root: Url,
    },
    /// The dated API.
    Dated {
        /// Up to and with `/openai`, with the query.
        root: Url,
        /// The one deployment of this address; otherwise the model of a request is its deployment.
        deployment: Option<String>,
    },
}

/// An address that leads to no resource.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "the address is none of an Azure OpenAI resource: write `https://RESOURCE.openai.azure.com/openai/v1`, or \
     `https://RESOURCE.openai.azure.com/openai/deployments/DEPLOYMENT?api-version=VERSION`"
)]
pub struct NoResource;

impl Resource {
    /// Reads which form an address means. With `/deployments` or `api-version` it is the dated API, otherwise the v1 API; a bare host
    /// and the full address of an endpoint are understood as well.
    ///
    /// # Errors
    /// [`NoResource`] where the text is no `http` address.
    pub fn parse(base_url: &str) -> Result<Self, NoResource> {
        let mut root = Url::parse(base_url).map_err(|_| NoResource)?;
        if !matches!(root.scheme(), "http" | "https") || root.host_str().is_none() {
            return Err(NoResource);
        }
        root.set_fragment(None);
        let has_version = root.query_pairs().any(|(name, _)| name == "api-version");
        let path = format!("{}/", root.path().trim_end_matches('/'));
        if let Some((before, after)) = path.split_once("/openai/deployments/") {
            let deployment = after.split('/').next().unwrap_or_default();
            let deployment = decoded(deployment);
            root.set_path(&format!("{before}/openai"));
            if !has_version {
                root.query_pairs_mut().append_pair("api-version", DEFAULT_API_VERSION);
            }
            let deployment = (!deployment.is_empty() && deployment != PLACEHOLDER).then_some(deployment);
            return Ok(Self::Dated { root, deployment });
        }
        if let Some((before, _)) = path.split_once("/openai/v1/") {
            root.set_path(&format!("{before}/openai/v1"));
            return Ok(Self::V1 { root });
        }
        let before = path.trim_end_matches('/');
        let before = before.strip_suffix("/openai").unwrap_or(before);
        if has_version {
            root.set_path(&format!("{before}/openai"));
            return Ok(Self::Dated { root, deployment: None });
        }
        root.set_path(&format!("{before}/openai/v1"));
        Ok(Self::V1 { root })
    }

    /// The address of an endpoint such as `chat/completions`, `responses`, `completions` or `embeddings`, for a model of ours whose
    /// name at this provider is `model`.
    pub fn url(&self, endpoint: &str, model: &str) -> Url {
        let (Self::V1 { root } | Self::Dated { root, .. }) = self;
        let mut url = root.clone();
        // Infallible: the scheme is `http` or `https`, and such an address can have a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            if let Self::Dated { deployment, .. } = self
                && OF_DEPLOYMENTS.contains(&endpoint)
            {
                path.push("deployments").push(deployment.as_deref().unwrap_or(model));
            }
            path.extend(endpoint.split('/'));
        }
        url
    }
}

/// The headers of a request, to either form.
pub fn headers(key: &str) -> [(&'static str, &str); 1] {
    [("api-key", key)]
}

/// A segment of a path with its percent-encoding undone.
fn decoded(segment: &str) -> String {
    // `form_urlencoded` reads `+` as a space, which paths do not.
    let pairs = format!("d={}", segment.replace('+', "%2B").replace('&', "%26"));
    let mut url = Url::parse("http://x").ok();
    if let Some(url) = &mut url {
        url.set_query(Some(&pairs));
    }
    url.and_then(|url| url.query_pairs().next().map(|(_, value)| value.into_owned()))
        .unwrap_or_default()
}

#[derive(Deserialize, Serialize)]
struct Body<'a> {
    #[serde(borrow)]
    error: Filtered<'a>,
}

/// Why the content filter closed, as clients of OpenAI's and of Azure's read it.
#[derive(Deserialize, Serialize)]
struct Filtered<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    param: Option<&'a RawValue>,
    code: String,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    innererror: Option<&'a RawValue>,
}

/// The body for a client of an error of the content filter: in OpenAI's shape, which demands a type, with `innererror` (which category
/// closed, and how severe) as Azure sent it. `None` where the body is another error.
pub fn content_filter_error(body: &[u8]) -> Option<Vec<u8>> {
    let mut error = serde_json::from_slice::<Body<'_>>(body).ok()?.error;
    if error.code != "content_filter" {
        return None;
    }
    error.kind.get_or_insert(Cow::Borrowed("invalid_request_error"));
    serde_json::to_vec(&Body { error }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Refusal, Sign};
    use proptest::prelude::*;

    fn url(base: &str, endpoint: &str) -> String {
        Resource::parse(base).unwrap().url(endpoint, "gpt-5").to_string()
    }

    #[test]
    fn every_form_of_address_is_understood() {
        const V1: &str = "https://r.openai.azure.com/openai/v1/chat/completions";
        const DATED: &str =
            "https://r.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2025-01-01-preview";
        const FIXED: &str =
            "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21";
        for (base, expected) in [
            ("https://r.openai.azure.com", V1),
            ("https://r.openai.azure.com/", V1),
            ("https://r.openai.azure.com/openai", V1),
            ("https://r.openai.azure.com/openai/v1", V1),
            ("https://r.openai.azure.com/openai/v1/#x", V1),
            ("https://r.openai.azure.com/openai/v1/chat/completions", V1),
            (
                "https://r.services.ai.azure.com/openai/v1?api-version=preview",
                "https://r.services.ai.azure.com/openai/v1/chat/completions?api-version=preview",
            ),
            ("https://r.openai.azure.com?api-version=2025-01-01-preview", DATED),
            (
                "https://r.openai.azure.com/openai/?api-version=2025-01-01-preview",
                DATED,
            ),
            (
                "https://r.openai.azure.com/openai/deployments?api-version=2025-01-01-preview",
                DATED,
            ),
            (
                "https://r.openai.azure.com/openai/deployments/{deployment}/?api-version=2025-01-01-preview",
                DATED,
            ),
            ("https://r.openai.azure.com/openai/deployments/mine", FIXED),
            (
                "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21",
                FIXED,
            ),
            (
                "https://gate.example.com/team/openai/v1",
                "https://gate.example.com/team/openai/v1/chat/completions",
            ),
        ] {
            assert_eq!(url(base, "chat/completions"), expected, "{base}");
        }
        for base in ["", "r.openai.azure.com", "ftp://r.openai.azure.com", "mailto:a@b"] {
            assert_eq!(Resource::parse(base), Err(NoResource), "{base}");
        }
    }

    #[test]
    fn endpoints_have_the_deployment_in_the_path_or_not() {
        let dated = "https://r.openai.azure.com/openai/deployments/mine?api-version=v";
        for (endpoint, path) in [
            ("chat/completions", "deployments/mine/chat/completions"),
            ("completions", "deployments/mine/completions"),
            ("embeddings", "deployments/mine/embeddings"),
            ("responses", "responses"),
        ] {
            assert_eq!(
                url(dated, endpoint),
                format!("https://r.openai.azure.com/openai/{path}?api-version=v")
            );
            let v1 = format!("https://r.openai.azure.com/openai/v1/{endpoint}");
            assert_eq!(url("https://r.openai.azure.com/openai/v1", endpoint), v1);
        }
        assert_eq!(headers("k"), [("api-key", "k")]);
    }

    #[test]
    fn the_content_filter_is_told_in_openais_shape_with_its_categories() {
        let body = br#"{"error":{"message":"M \"q\"","type":null,"param":"prompt","code":"content_filter","status":400,
            "innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate": {"filtered":true}}}}}"#;
        let told = String::from_utf8(content_filter_error(body).unwrap()).unwrap();
        insta::assert_snapshot!(told, @r#"{"error":{"message":"M \"q\"","type":"invalid_request_error","param":"prompt","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate": {"filtered":true}}}}}"#);
        assert_eq!(Sign::read(&Refusal::read(400, told.as_bytes())), Sign::Policy);
        assert_eq!(content_filter_error(br#"{"error":{"message":"M","code":"429"}}"#), None);
        assert_eq!(content_filter_error(b"<html>"), None);
    }

    proptest! {
        #[test]
        fn no_name_of_a_model_leaves_its_segment(model in ".{0,30}") {
            let resource = Resource::parse("https://r.openai.azure.com/openai?api-version=v").unwrap();
            let url = resource.url("embeddings", &model);
            prop_assert_eq!(url.host_str(), Some("r.openai.azure.com"));
            prop_assert_eq!(url.query(), Some("api-version=v"));
            prop_assert!(url.path().starts_with("/openai/deployments/") && url.path().ends_with("/embeddings"), "{}", url);
        }

        #[test]
        fn a_deployment_in_an_address_is_kept(name in "[a-zA-Z0-9 _.%+-]{1,20}") {
            prop_assume!(name.trim() == name && name != "." && name != "..");
            let resource = Resource::parse("https://r.openai.azure.com/openai?api-version=v").unwrap();
            let first = resource.url("embeddings", &name);
            let again = Resource::parse(first.as_str()).unwrap().url("embeddings", "other");
            prop_assert_eq!(again, first);
        }
    }
}
