//! The admin API, asked: of the server where one has the data directory, else of the same routes in this process. One path for
//! both, so that a command does the same beside a server and without one.
//!
//! It does not know what is asked.

use std::sync::Arc;

use bytes::Bytes;
use cultivar_gateway::providers::http::{self, HttpClient};
use cultivar_record::Purpose;
use cultivar_store::{DataDir, DataLock};
use cultivar_web::{Router, admin_router};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use crate::{
    config::Config,
    failure::{CliError, Failure, RefusedByDoor},
    opened::{DEFAULT_ORGANIZATION, Opened, runtime},
    secrets::OwnKeys,
    server::ServerNote,
};

/// What an unreachable server is called in an error.
const SERVER: &str = "server";

/// Who answers.
enum Door {
    /// The server that has the data directory.
    Server { client: Box<HttpClient>, address: String },
    /// This process.
    Here { opened: Box<Opened>, router: Router },
}

/// The admin API of a data directory.
pub(crate) struct Admin {
    door: Door,
    key: HeaderValue,
}

/// A request of the admin API.
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body))
    }

    pub(crate) fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path, Some(body))
    }

    pub(crate) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, Some(body))
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        let path = path.into();
        Self { method, path, body }
    }
}

/// What came back from a request that was done.
pub(crate) struct Done(Bytes);

impl Done {
    /// The answer's JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let unreadable = |e: serde_json::Error| CliError::Answer { reason: e.to_string() };
        Ok(serde_json::from_slice(&self.0).map_err(unreadable)?)
    }

    /// The rows of an answer that lists some.
    pub(crate) fn rows<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        let mut list: Value = self.json()?;
        let rows = list.get_mut("data").map(Value::take).unwrap_or_default();
        let unreadable = |e: serde_json::Error| CliError::Answer { reason: e.to_string() };
        Ok(serde_json::from_value(rows).map_err(unreadable)?)
    }

    /// The answer as it came.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// Asks once.
pub(crate) fn ask(config: &Config, request: Ask) -> Result<Done, Failure> {
    with(config, async move |admin: &Admin| admin.ask(request).await)
}

/// Asks as often as it takes.
pub(crate) fn with<T, W>(config: &Config, work: W) -> Result<T, Failure>
where
    W: AsyncFnOnce(&Admin) -> Result<T, Failure>,
{
    runtime()?.block_on(async {
        let admin = Admin::open(config).await?;
        let done = work(&admin).await;
        admin.close().await?;
        done
    })
}

impl Admin {
    async fn open(config: &Config) -> Result<Self, Failure> {
        let dir = DataDir::open(config.data_dir())?;
        if let Some((address, key)) = running_server(&dir, Purpose::Administer).await? {
            let client = HttpClient::default();
            return Self::new(
                Door::Server {
                    client: Box::new(client),
                    address,
                },
                &key,
            );
        }
        let opened = Box::new(Opened::existing(config)?);
        let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
        let key = opened.own_key(&organization, Purpose::Administer).await?;
        let router = admin_router(Arc::clone(&opened.gateway));
        Self::new(Door::Here { opened, router }, &key)
    }

    fn new(door: Door, key: &str) -> Result<Self, Failure> {
        let damaged = |_| CliError::Secret {
            path: OwnKeys::FILE.to_owned(),
        };
        let mut key = HeaderValue::from_str(&format!("Bearer {key}")).map_err(damaged)?;
        key.set_sensitive(true);
        Ok(Self { door, key })
    }

    /// Asks.
    ///
    /// # Errors
    /// The refusal's code in its words; `provider_unreachable` where the server has gone.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Done, Failure> {
        let unusable = |e: hyper::http::Error| CliError::Answer { reason: e.to_string() };
        let origin = match &self.door {
            Door::Server { address, .. } => address.as_str(),
            Door::Here { .. } => "",
        };
        let builder = Request::builder()
            .method(ask.method)
            .uri(format!("{origin}{}", ask.path));
        let builder = builder.header(AUTHORIZATION, &self.key);
        let request = match ask.body {
            None => builder.body(Full::default()),
            Some(body) => builder
                .header(CONTENT_TYPE, "application/json")
                .body(Full::from(body.to_string())),
        };
        let (status, body) = self.send(request.map_err(unusable)?).await?;
        if status.is_success() {
            Ok(Done(body))
        } else {
            Err(RefusedByDoor::read(status.as_u16(), &body).into())
        }
    }

    async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        match &self.door {
            Door::Server { client, .. } => {
                let response = client.send(SERVER, request).await?;
                let status = response.status();
                Ok((status, http::read(SERVER, response.into_body()).await?))
            }
            Door::Here { router, .. } => {
                let here = HeaderValue::from_static("localhost");
                request.headers_mut().insert(HOST, here);
                let Ok(response) = router.clone().oneshot(request).await;
                let (head, body) = response.into_parts();
                let body = body.collect().await;
                let body = body.map_err(|e| CliError::Answer { reason: e.to_string() })?;
                Ok((head.status, body.to_bytes()))
            }
        }
    }

    async fn close(&self) -> Result<(), Failure> {
        match &self.door {
            Door::Server { .. } => Ok(()),
            Door::Here { opened, .. } => opened.close().await,
        }
    }
}

/// The address of the server that has the directory, with the program's own key for a purpose: where one says its address and
/// listens there. A killed one says it, but is gone.
pub(crate) async fn running_server(dir: &DataDir, purpose: Purpose) -> Result<Option<(String, String)>, Failure> {
    if !DataLock::is_taken(dir) {
        return Ok(None);
    }
    let key = OwnKeys::read(dir)?.remove(purpose.as_str());
    let (Some(note), Some(key)) = (ServerNote::read(dir), key) else {
        return Ok(None);
    };
    let connected = tokio::net::TcpStream::connect(note.address.trim_start_matches("http://")).await;
    Ok(connected.is_ok().then_some((note.address, key)))
}

/// A name as one part of a path (RFC 3986, section 2).
pub(crate) fn part(name: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A path with those parameters that have a value.
pub(crate) fn query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let given: Vec<String> = given.map(|(name, value)| format!("{name}={}", part(value))).collect();
    if given.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", given.join("&"))
    }
}

/// An object of those fields that have a value.
pub(crate) fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_part_of_a_path_whatever_is_in_them() {
        assert_eq!(part("Ann Ex/ämple?"), "Ann%20Ex%2F%C3%A4mple%3F");
        assert_eq!(query("/a", &[("b", None)]), "/a");
        assert_eq!(
            query("/a", &[("b", Some("x y".to_owned())), ("c", Some("1".to_owned()))]),
            "/a?b=x%20y&c=1"
        );
    }
}
