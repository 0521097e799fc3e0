//! What is seen of this program from outside, by the OpenTelemetry conventions for generative AI: metrics as text for Prometheus,
//! metrics and spans over OTLP for a collector.
//!
//! It does not know text of anybody: it is told numbers and names. It does not know HTTP inwards, the environment or the clock, and
//! nothing of a request waits for it.

mod conventions;
mod error;
mod export;
mod exposition;
mod family;
mod histogram;
mod otlp;
mod series;
mod snapshot;
mod unanswered;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use cultivar_gateway::{Gateway, Observer, Seen, State, Unanswered, providers::http::HttpClient};
use cultivar_record::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

pub use error::TelemetryError;
pub use exposition::Format;

use export::{Collector, Exporter};
use histogram::approximate;
use otlp::{Ended, Resource};
use series::Registry;
use unanswered::Refusals;

/// Most spans that wait to be exported: some seconds of a busy day. Beyond it they are dropped, and counted.
const MOST_WAITING_SPANS: usize = 8_192;
/// How long the rest may take to be exported once the program ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is told to whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The base of a collector that takes OTLP over HTTP; nothing is exported where there is none.
    pub otlp_endpoint: Option<String>,
    /// Headers for the collector.
    pub otlp_headers: Vec<(String, String)>,
    /// `service.name`.
    pub service_name: String,
    /// `service.version`.
    pub version: String,
    /// Longest time that a span waits for others to share a body.
    pub spans_every: Duration,
    /// How often metrics are exported.
    pub metrics_every: Duration,
    /// The share of traces that is exported, from 0 to 1, of those that nobody else began.
    pub trace_share: f64,
    /// Whether organisations are told apart.
    pub by_organization: bool,
}

impl Default for Settings {
    /// The defaults of OpenTelemetry's own exporters.
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_headers: Vec::new(),
            service_name: "cultivar".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spans_every: Duration::from_secs(5),
            metrics_every: Duration::from_mins(1),
            trace_share: 1.0,
            by_organization: false,
        }
    }
}

/// Counts and traces requests.
pub struct Telemetry {
    settings: Settings,
    started_at: Timestamp,
    /// What everything is of.
    about: Vec<(&'static str, String)>,
    resource: Resource,
    registry: Registry,
    refusals: Refusals,
    collector: Option<Collector>,
    queue: Option<mpsc::Sender<Ended>>,
    waiting: Mutex<Option<mpsc::Receiver<Ended>>>,
    exporting: Mutex<Option<(oneshot::Sender<()>, JoinSet<()>)>>,
    dropped: AtomicU64,
    exported: AtomicU64,
}

impl Telemetry {
    /// Counts from a moment on. `instance` tells this process from its siblings.
    ///
    /// # Errors
    /// `telemetry::endpoint`, `telemetry::header` where the settings name no collector that could be.
    pub fn new(settings: Settings, instance: &str, started_at: Timestamp) -> Result<Arc<Self>, TelemetryError> {
        let collector = Collector::of(&settings)?;
        let (queue, waiting) = match &collector {
            Some(_) => {
                let (queue, waiting) = mpsc::channel(MOST_WAITING_SPANS);
                (Some(queue), Some(waiting))
            }
            None => (None, None),
        };
        let about = vec![
            ("service.name", settings.service_name.clone()),
            ("service.version", settings.version.clone()),
            ("service.instance.id", instance.to_owned()),
        ];
        Ok(Arc::new(Self {
            resource: Resource::new(&about, &settings.version),
            about,
            started_at,
            registry: Registry::new(settings.by_organization),
            refusals: Refusals::default(),
            collector,
            queue,
            waiting: Mutex::new(waiting),
            exporting: Mutex::default(),
            dropped: AtomicU64::new(0),
            exported: AtomicU64::new(0),
            settings,
        }))
    }

    /// Everything that is counted, as text; how the door stands where that is known.
    pub fn render(&self, format: Format, state: Option<&State>) -> String {
        exposition::render(&snapshot::families(self, state), &self.about, format)
    }

    /// Starts to export, where the settings name a collector. `tell` hears of the first failure after a success.
    pub fn start(self: &Arc<Self>, gateway: Arc<Gateway>, tell: impl Fn(TelemetryError) + Send + Sync + 'static) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(waiting), Some(collector)) = (waiting, self.collector.clone()) else {
            return;
        };
        let exporter = Exporter {
            telemetry: Arc::clone(self),
            gateway,
            collector,
            client: HttpClient::default(),
            tell,
            is_failing: false,
        };
        let (stop, stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(exporter.run(waiting, stopped));
        *self.exporting.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, tasks));
    }

    /// Exports the rest, within a few seconds: after everything has ended that could be told of.
    pub async fn close(&self) {
        let exporting = self.exporting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((stop, mut tasks)) = exporting else { return };
        let _ = stop.send(());
        let _ = tokio::time::timeout(LAST_WORDS, tasks.join_next()).await;
    }

    /// Spans that wait to be exported; nothing where none is.
    fn waiting_spans(&self) -> Option<usize> {
        let queue = self.queue.as_ref()?;
        Some(queue.max_capacity() - queue.capacity())
    }

    /// Whether an attempt's trace is exported: as whoever began it decided, else by its id.
    /// Source: OpenTelemetry specification, samplers `ParentBased` and `TraceIdRatioBased` (56 random bits at the end of the id).
    fn is_traced(&self, seen: &Seen<'_>) -> bool {
        const BITS: u32 = 56;
        match seen.trace {
            Some(trace) => trace.is_sampled,
            None if self.settings.trace_share >= 1.0 => true,
            None => {
                let id = otlp::trace_id(seen.intent, None);
                let drawn = id.get(18..).and_then(|digits| u64::from_str_radix(digits, 16).ok());
                let share = self.settings.trace_share.max(0.0);
                drawn.is_some_and(|drawn| approximate(drawn) < share * approximate(1 << BITS))
            }
        }
    }
}

impl Observer for Telemetry {
    fn ended(&self, seen: &Seen<'_>) {
        let series = self.registry.of(seen);
        series.record(seen);
        let Some(queue) = self.queue.as_ref().filter(|_| self.is_traced(seen)) else {
            return;
        };
        let ended = Ended {
            intent: Arc::clone(seen.intent),
            series,
            kind: seen.provider_kind,
            stream: seen.stream,
            outcome: seen.outcome,
            usage: seen.usage,
            cost: seen.cost,
            trace: seen.trace,
            first_byte_at: seen.first_byte_at,
            finished_at: seen.ended_at,
        };
        if queue.try_send(ended).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    fn unanswered(&self, unanswered: &Unanswered<'_>) {
        self.refusals.record(unanswered);
    }
}
