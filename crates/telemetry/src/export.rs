//! The way to a collector: batches over the gateway's own HTTP. A collector that is not there costs spans, never a request.

use std::{pin::pin, sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use bytes::Bytes;
use cultivar_gateway::{
    Gateway, GatewayError,
    providers::http::{self, HttpClient},
};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Uri,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::Value as Json;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    Settings, Telemetry, TelemetryError,
    otlp::{self, Ended},
    snapshot,
};

/// Most spans of one body: the default of OpenTelemetry's batches.
const MOST_SPANS: usize = 512;
/// How long a collector may take: OTLP's default.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a body is tried.
const TRIES: u32 = 3;
/// How long the first pause between tries is; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// What a collector is called in an error of the gateway's HTTP.
const COLLECTOR: &str = "collector";

/// Where the collector is and what it is sent along with every body.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    traces: Uri,
    metrics: Uri,
    headers: HeaderMap,
}

impl Collector {
    /// The collector that the settings name, where they name one.
    pub(crate) fn of(settings: &Settings) -> Result<Option<Self>, TelemetryError> {
        let Some(endpoint) = settings
            .otlp_endpoint
            .as_deref()
            .filter(|endpoint| !endpoint.is_empty())
        else {
            return Ok(None);
        };
        let at = |path: &str| {
            let uri: Result<Uri, _> = format!("{}{path}", endpoint.trim_end_matches('/')).parse();
            let wrong = |reason: String| TelemetryError::Endpoint {
                endpoint: endpoint.to_owned(),
                reason,
            };
            match uri {
                Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => Ok(uri),
                Ok(_) => Err(wrong("it has no scheme `http` or `https`".to_owned())),
                Err(error) => Err(wrong(error.to_string())),
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &settings.otlp_headers {
            let wrong = || TelemetryError::Header { name: name.clone() };
            let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name.parse::<HeaderName>().map_err(|_| wrong())?, value);
        }
        Ok(Some(Self {
            traces: at("/v1/traces")?,
            metrics: at("/v1/metrics")?,
            headers,
        }))
    }
}

/// What sends batches until it is told to stop.
pub(crate) struct Exporter<T> {
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) collector: Collector,
    pub(crate) client: HttpClient,
    /// Hears of the first failure after a success.
    pub(crate) tell: T,
    pub(crate) is_failing: bool,
}

impl<T: Fn(TelemetryError) + Send + Sync> Exporter<T> {
    /// Sends what waits again and again; once told to stop, sends the rest.
    pub(crate) async fn run(mut self, mut waiting: mpsc::Receiver<Ended>, stop: oneshot::Receiver<()>) {
        let mut stop = pin!(stop);
        let mut batch = Vec::with_capacity(MOST_SPANS);
        let mut metrics_at = Instant::now() + self.telemetry.settings.metrics_every;
        loop {
            let until = (Instant::now() + self.telemetry.settings.spans_every).min(metrics_at);
            let stopped = tokio::select! {
                _ = &mut stop => true,
                () = gather(&mut waiting, &mut batch, until) => false,
            };
            self.send_spans(&mut batch).await;
            while stopped && let Ok(ended) = waiting.try_recv() {
                batch.push(ended);
                if batch.len() == MOST_SPANS {
                    self.send_spans(&mut batch).await;
                }
            }
            self.send_spans(&mut batch).await;
            if stopped || Instant::now() >= metrics_at {
                self.send_metrics().await;
                metrics_at = Instant::now() + self.telemetry.settings.metrics_every;
            }
            if stopped {
                return;
            }
        }
    }

    async fn send_spans(&mut self, batch: &mut Vec<Ended>) {
        if batch.is_empty() {
            return;
        }
        let body = otlp::traces(batch, &self.telemetry.resource);
        let count = u64::try_from(batch.len()).unwrap_or(0);
        batch.clear();
        let rejected = self.send(self.collector.traces.clone(), &body).await;
        let rejected = rejected.map_or(count, |answer| rejected_spans(&answer).min(count));
        self.telemetry.dropped.fetch_add(rejected, Relaxed);
        self.telemetry.exported.fetch_add(count - rejected, Relaxed);
    }

    async fn send_metrics(&mut self) {
        let gateway = Arc::clone(&self.gateway);
        // Where the records cannot be read, what is counted of calls is told all the same.
        let state = tokio::task::spawn_blocking(move || gateway.state()).await;
        let state = state.ok().and_then(Result::ok);
        let families = snapshot::families(&self.telemetry, state.as_ref());
        let (start, now) = (self.telemetry.started_at, self.gateway.ambient().now());
        let (start, now) = (otlp::nanos(start), otlp::nanos(now));
        let body = otlp::metrics(&families, &self.telemetry.resource, start, now);
        let _ = self.send(self.collector.metrics.clone(), &body).await;
    }

    /// Sends a body, more than once where what failed may pass; returns the answer.
    async fn send(&mut self, to: Uri, body: &Json) -> Option<Bytes> {
        let body = Bytes::from(body.to_string());
        let mut pause = FIRST_PAUSE;
        for tried in 1..=TRIES {
            match self.post(to.clone(), body.clone()).await {
                Ok(answer) => {
                    self.is_failing = false;
                    return Some(answer);
                }
                Err(error) => {
                    let may_pass = match error {
                        TelemetryError::Refused { status, .. } => matches!(status, 429 | 502 | 503 | 504),
                        _ => true,
                    };
                    if may_pass && tried < TRIES {
                        sleep(pause).await;
                        pause *= 2;
                        continue;
                    }
                    if !std::mem::replace(&mut self.is_failing, true) {
                        (self.tell)(error);
                    }
                    return None;
                }
            }
        }
        None
    }

    async fn post(&self, to: Uri, body: Bytes) -> Result<Bytes, TelemetryError> {
        let endpoint = to.to_string();
        let unreachable = |reason: String| TelemetryError::Unreachable {
            endpoint: endpoint.clone(),
            reason,
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to;
        request.headers_mut().clone_from(&self.collector.headers);
        let exchange = async {
            let response = self.client.send(COLLECTOR, request).await?;
            let status = response.status();
            Ok((status, http::read(COLLECTOR, response.into_body()).await?))
        };
        let answered: Result<_, GatewayError> = match timeout(TIMEOUT, exchange).await {
            Ok(answered) => answered,
            Err(_) => return Err(unreachable(format!("it was silent for {} s", TIMEOUT.as_secs()))),
        };
        match answered {
            Ok((status, body)) if status.is_success() => Ok(body),
            Ok((status, _)) => Err(TelemetryError::Refused {
                endpoint: endpoint.clone(),
                status: status.as_u16(),
            }),
            Err(GatewayError::Unreachable { reason, .. }) => Err(unreachable(reason)),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }
}

/// Waits until a batch is full, or until a moment.
async fn gather(waiting: &mut mpsc::Receiver<Ended>, batch: &mut Vec<Ended>, until: Instant) {
    let mut until = pin!(sleep_until(until));
    while batch.len() < MOST_SPANS {
        let room = MOST_SPANS - batch.len();
        let came = tokio::select! {
            came = waiting.recv_many(batch, room) => came,
            () = &mut until => return,
        };
        if came == 0 {
            // Nothing more can come: the moment is waited for.
            return until.await;
        }
    }
}

/// How many spans the collector did not take of those that it was sent (`ExportTracePartialSuccess`).
fn rejected_spans(answer: &[u8]) -> u64 {
    let answer: Json = serde_json::from_slice(answer).unwrap_or_default();
    match answer.pointer("/partialSuccess/rejectedSpans") {
        Some(Json::String(text)) => text.parse().unwrap_or(0),
        Some(number) => number.as_u64().unwrap_or(0),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(endpoint: &str, header: (&str, &str)) -> Result<Option<Collector>, TelemetryError> {
        Collector::of(&Settings {
            otlp_endpoint: Some(endpoint.to_owned()),
            otlp_headers: vec![(header.0.to_owned(), header.1.to_owned())],
            ..Settings::default()
        })
    }

    #[test]
    fn a_collector_has_an_address() {
        let found = collector("http://127.0.0.1:4318/base/", ("api-key", "secret"))
            .unwrap()
            .unwrap();
        assert_eq!(found.traces, "http://127.0.0.1:4318/base/v1/traces");
        assert_eq!(found.metrics, "http://127.0.0.1:4318/base/v1/metrics");
        assert_eq!(found.headers["api-key"], "secret");
        assert!(!format!("{found:?}").contains("secret"));
        assert!(collector("", ("a", "b")).unwrap().is_none());
        for bad in ["127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "a b"] {
            let error = collector(bad, ("a", "b")).unwrap_err();
            assert!(matches!(error, TelemetryError::Endpoint { .. }), "{bad}");
        }
        for bad in [("a b", "c"), ("a", "c\nd")] {
            let error = collector("http://127.0.0.1:4318", bad).unwrap_err();
            assert_eq!(error, TelemetryError::Header { name: bad.0.to_owned() });
        }
    }

    #[test]
    fn a_partial_success_says_what_was_not_taken() {
        assert_eq!(
            rejected_spans(br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}"#),
            3
        );
        assert_eq!(rejected_spans(br#"{"partialSuccess":{"rejectedSpans":3}}"#), 3);
        assert_eq!(rejected_spans(b"{}"), 0);
        assert_eq!(rejected_spans(b""), 0);
    }
}
