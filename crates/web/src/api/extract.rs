//! What a request brings: who asks, the parts of its path, its parameters, its body. What does not fit is refused by name.

use std::{fmt, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use cultivar_gateway::{Caller, Gateway, GatewayError};
use cultivar_record::Purpose;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::Refusal;
use crate::{openai, respond, serve::Peer};

/// Whoever runs the door: the holder of a key that was issued for this.
pub(super) struct Administrator(pub Caller);

impl FromRequestParts<Arc<Gateway>> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Refusal> {
        let peer = parts.extensions.get::<Peer>().copied();
        let caller = openai::admit(gateway, &parts.headers, peer)?;
        if caller.key.purpose == Purpose::Administer {
            return Ok(Self(caller));
        }
        let wrong = GatewayError::WrongPurpose {
            prefix: caller.key.prefix.clone(),
            purpose: caller.key.purpose,
        };
        Err(wrong.into())
    }
}

/// The variable parts of the path.
pub(super) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(Refusal::invalid(&rejection.body_text(), None)),
        }
    }
}

/// The parameters of the query.
pub(super) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let told = text.split_once(": ").map_or(text.as_str(), |(_, told)| told);
                Err(Refusal::invalid(
                    &format!("the query cannot be read: {told}"),
                    param(told).or_else(|| told.split_once(": ").map(|(param, _)| param)),
                ))
            }
        }
    }
}

/// The body: a JSON object with known fields.
pub(super) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        if !is_json(request.headers()) {
            let told = "send the body as JSON, with `Content-Type: application/json`";
            return Err(Refusal::told(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                told,
                None,
            ));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection: BytesRejection| respond::unread(&rejection))?;
        read(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let broken = |error: &serde_json::Error| Refusal::invalid(&format!("the body is not JSON: {error}"), None);
    let object: Map<String, Value> = match serde_json::from_slice(bytes) {
        Ok(object) => object,
        Err(error) if error.is_data() => return Err(Refusal::invalid("the body must be a JSON object", None)),
        Err(error) => return Err(broken(&error)),
    };
    let mut body = Value::Object(object);
    make_whole(&mut body);
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        let told = error.inner().to_string();
        let at = (path != ".").then_some(path);
        let named = match (at, param(&told)) {
            (Some(at), Some(field)) if at != field && !at.ends_with(&format!(".{field}")) => {
                Some(format!("{at}.{field}"))
            }
            (Some(at), _) => Some(at),
            (None, field) => field.map(str::to_owned),
        };
        Refusal::invalid(&format!("the body cannot be read: {told}"), named.as_deref())
    })
}

/// `1.0` is the whole number 1, as JSON Schema has it (draft 2020-12, section 6.1.1 of the validation vocabulary).
fn make_whole(value: &mut Value) {
    /// Beyond it, a float does not name one whole number.
    const MOST: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number
                .as_f64()
                .filter(|float| float.fract() == 0.0 && float.abs() < MOST);
            if let Some(whole) = whole.and_then(|float| format!("{float:.0}").parse::<i64>().ok()) {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}

/// The field that an error of the deserializer names.
fn param(told: &str) -> Option<&str> {
    let about = ["unknown field `", "missing field `", "duplicate field `"];
    let rest = about.iter().find_map(|start| {
        let at = told.find(start)?;
        told.get(at + start.len()..)
    })?;
    rest.split_once('`').map(|(field, _)| field)
}

/// A value that must be written as an object: records can be read from lists, too, which no client means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::<String, Value>::deserialize(deserializer)?;
        let value = serde_path_to_error::deserialize(Value::Object(object));
        value.map(Self).map_err(|error| {
            let path = error.path().to_string();
            if path == "." {
                told_by(error.inner())
            } else {
                told_by(&format_args!("`{path}`: {}", error.inner()))
            }
        })
    }
}

fn told_by<E: serde::de::Error>(told: &dyn fmt::Display) -> E {
    E::custom(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Option<Object<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    #[derive(Default)]
    struct Inner {
        amount: u8,
    }

    async fn refused(text: &str) -> Value {
        use axum::response::IntoResponse;
        let response = read::<Outer>(text.as_bytes()).unwrap_err().into_response();
        assert_eq!(response.status(), 400);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["error"].take()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_named() {
        let good: Outer = read(br#"{"name":"a","inner":{"amount":3}}"#).unwrap();
        assert_eq!((good.name.as_str(), good.inner.unwrap().0.amount), ("a", 3));
        let whole: Outer = read(br#"{"name":"a","inner":{"amount":3.0}}"#).unwrap();
        assert_eq!(whole.inner.unwrap().0.amount, 3);
        for (text, param) in [
            (r#"{"name":"a","colour":1}"#, "colour"),
            ("{}", "name"),
            (r#"{"name":1}"#, "name"),
            (r#"{"name":"a","inner":[]}"#, "inner"),
            (r#"{"name":"a","inner":{"amount":300}}"#, "inner"),
            (r#"{"name":"a","inner":{"amount":3.5}}"#, "inner"),
            (r#"{"name":"a","inner":{"sum":3}}"#, "inner.sum"),
        ] {
            assert_eq!(refused(text).await["param"], param, "{text}");
        }
        for text in ["", "[]", "null", "{", "[\"a\"]", "\"a\""] {
            assert!(refused(text).await["param"].is_null(), "{text}");
        }
    }
}
