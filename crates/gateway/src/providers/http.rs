//! HTTP to providers: one pool of kept-alive connections per provider and credential, HTTP/1.1, no delay of small packets.
//!
//! HTTP/1.1 by choice: over HTTP/2 one connection is opened per host, and every call queues behind its limit of streams.

use std::{
    future::Future,
    net::IpAddr,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::{
        legacy::{
            Client,
            connect::{HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::Matcher,
    },
    rt::{TokioExecutor, TokioTimer},
};

use crate::GatewayError;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a provider may stay silent before and within an answer.
const READ_TIMEOUT: Duration = Duration::from_mins(5);
/// The longest answer that is taken in, in bytes: many times what any model writes.
pub(crate) const MOST_ANSWER_BYTES: usize = 64 << 20;
/// How long an idle connection is kept: less than the minute after which most servers close theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

type Direct = HttpConnector;
type Pool<C> = Client<HttpsConnector<C>, Full<Bytes>>;

/// The connections to one provider under one credential: a server on this machine is asked directly, any other as the proxy
/// settings of the environment say.
///
/// Each thread has a pool of its own: a connection is driven by the runtime that opened it, and another thread would wait for
/// that one to wake.
#[derive(Default)]
pub struct HttpClient {
    direct: Box<[OnceLock<Pool<Direct>>; POOLS]>,
    proxied: OnceLock<Option<Pool<Tunnel<Direct>>>>,
}

/// Pools of one client: threads beyond that share.
const POOLS: usize = 16;
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % POOLS;
}

impl HttpClient {
    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// `provider_unreachable` in the innermost cause's words.
    pub async fn send(
        &self,
        provider: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, GatewayError> {
        let answer = async {
            let sent = match self.proxied(request.uri()) {
                Some(pool) => pool.request(request).await,
                None => self.direct().request(request).await,
            };
            sent.map_err(|e| unreachable(provider, &e))
        };
        in_time(provider, answer).await
    }

    fn direct(&self) -> &Pool<Direct> {
        let thread = THREAD.with(|thread| *thread);
        let [first, ..] = self.direct.as_ref();
        self.direct.get(thread).unwrap_or(first).get_or_init(direct)
    }

    fn proxied(&self, uri: &Uri) -> Option<&Pool<Tunnel<Direct>>> {
        let proxied = self.proxied.get_or_init(|| {
            if is_on_this_machine(uri) {
                return None;
            }
            let proxy = Matcher::from_env().intercept(uri)?;
            Some(pool(Tunnel::new(proxy.uri().clone(), connector())))
        });
        proxied.as_ref()
    }
}

/// The whole body of an answer.
///
/// # Errors
/// `provider_unreachable`.
pub async fn read(provider: &str, body: Incoming) -> Result<Bytes, GatewayError> {
    let read = async {
        let collected = Limited::new(body, MOST_ANSWER_BYTES).collect().await;
        collected.map_err(|e| unreachable(provider, e.as_ref()))
    };
    Ok(in_time(provider, read).await?.to_bytes())
}

/// The next bytes of a body; nothing at its end.
///
/// # Errors
/// `provider_unreachable`.
pub async fn next(provider: &str, body: &mut Incoming) -> Result<Option<Bytes>, GatewayError> {
    let read = async {
        loop {
            match body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(unreachable(provider, &error)),
                Some(Ok(frame)) => {
                    // Trailers are no part of an answer.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    };
    in_time(provider, read).await
}

async fn in_time<T>(provider: &str, work: impl Future<Output = Result<T, GatewayError>>) -> Result<T, GatewayError> {
    match tokio::time::timeout(READ_TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(GatewayError::Unreachable {
            provider: provider.to_owned(),
            reason: format!("it was silent for {} s", READ_TIMEOUT.as_secs()),
        }),
    }
}

/// The innermost cause tells more than "error sending request".
pub(crate) fn unreachable(provider: &str, error: &(dyn std::error::Error + 'static)) -> GatewayError {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    GatewayError::Unreachable {
        provider: provider.to_owned(),
        reason: cause.to_string(),
    }
}

fn direct() -> Pool<Direct> {
    pool(connector())
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

fn pool<C>(connector: C) -> Pool<C>
where
    HttpsConnector<C>: Clone + hyper_util::client::legacy::connect::Connect,
{
    // A second installation is refused and harmless: the first stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = HttpsConnectorBuilder::new();
    // Where this machine's certificates cannot be read, nothing is trusted: a call over TLS then fails, and says why.
    let secured = match builder.with_native_roots() {
        Ok(builder) => builder,
        Err(_) => HttpsConnectorBuilder::new().with_tls_config(
            rustls::ClientConfig::builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth(),
        ),
    };
    let https = secured.https_or_http().enable_http1().wrap_connector(connector);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build(https)
}

fn is_on_this_machine(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_on_this_machine;

    #[test]
    fn only_loopback_is_this_machine() {
        for here in [
            "http://127.0.0.1:8080/v1",
            "http://localhost/v1",
            "http://[::1]:1/v1",
            "http://127.9.9.9",
        ] {
            assert!(is_on_this_machine(&here.parse().unwrap()), "{here}");
        }
        for elsewhere in [
            "https://api.example.com/v1",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "/v1",
        ] {
            assert!(!is_on_this_machine(&elsewhere.parse().unwrap()), "{elsewhere}");
        }
    }
}
