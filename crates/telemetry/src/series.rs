//! What is counted of attempts that are alike: same operation, provider, model, market, purpose and outcome. One look-up and some
//! additions per attempt, without waiting for anybody but whoever sees such an attempt for the first time.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use cultivar_gateway::Seen;
use cultivar_record::{Intent, Timestamp};

use crate::{
    conventions::{self as named, DURATION_BOUNDS, FIRST_TOKEN_BOUNDS, OTHER_ERROR, TOKEN_BOUNDS},
    family::{Attribute, Attributes},
    histogram::Histogram,
};

/// Most series; what is new beyond it is counted together, as OpenTelemetry's own limit on cardinality has it.
const MOST_SERIES: usize = 2_000;
/// The code of a request whose client left before anything came.
const CLIENT_LEFT: &str = "client_left";

/// By what attempts of a series are alike.
#[derive(Debug)]
pub(crate) struct Alike {
    /// One of them. Its text of a user is a digest.
    intent: Arc<Intent>,
    kind: &'static str,
    base_url: Option<Box<str>>,
    /// Host and port, of `base_url`.
    server: Option<(Box<str>, u16)>,
    outcome: &'static str,
    error: Option<Box<str>>,
    by_organization: bool,
}

/// Attempts that are alike.
#[derive(Debug)]
pub(crate) struct Series {
    /// Nothing where they are alike only in being too many kinds.
    alike: Option<Alike>,
    pub(crate) attempts: AtomicU64,
    /// In millionths of a US dollar.
    pub(crate) cost: AtomicU64,
    pub(crate) duration: Histogram<14>,
    pub(crate) first_chunk: Histogram<14>,
    pub(crate) input: Histogram<14>,
    pub(crate) output: Histogram<14>,
    pub(crate) request: Histogram<14>,
    pub(crate) first_token: Histogram<16>,
}

impl Series {
    fn new(alike: Option<Alike>) -> Self {
        Self {
            alike,
            attempts: AtomicU64::new(0),
            cost: AtomicU64::new(0),
            duration: Histogram::new(&DURATION_BOUNDS),
            first_chunk: Histogram::new(&DURATION_BOUNDS),
            input: Histogram::new(&TOKEN_BOUNDS),
            output: Histogram::new(&TOKEN_BOUNDS),
            request: Histogram::new(&DURATION_BOUNDS),
            first_token: Histogram::new(&FIRST_TOKEN_BOUNDS),
        }
    }

    /// Counts an attempt.
    pub(crate) fn record(&self, seen: &Seen<'_>) {
        self.attempts.fetch_add(1, Relaxed);
        self.duration.record(micros(seen.intent.at, seen.ended_at));
        let came = matches!(seen.outcome, "answered" | "partial");
        if came {
            self.cost
                .fetch_add(u64::try_from(seen.cost.get()).unwrap_or(0), Relaxed);
            // What no provider counted is no usage: the conventions want none reported.
            if !seen.usage.estimated {
                self.input.record(seen.usage.prompt.get());
                self.output.record(seen.usage.completion.get());
            }
            if let Some(first) = seen.first_byte_at.filter(|_| seen.stream) {
                self.first_chunk.record(micros(seen.intent.at, first));
                self.first_token.record(micros(seen.asked_at, first));
            }
        }
        // A request whose other attempts failed is told by itself.
        if came || seen.error == Some(CLIENT_LEFT) {
            self.request.record(micros(seen.asked_at, seen.ended_at));
        }
    }

    /// `error.type`, where the attempt ended in an error.
    pub(crate) fn error(&self) -> Option<&str> {
        let alike = self.alike.as_ref()?;
        match (&alike.error, alike.outcome) {
            (Some(code), _) => Some(code),
            (None, "answered") => None,
            (None, "partial") => Some("answer_broke_off"),
            (None, _) => Some(OTHER_ERROR),
        }
    }

    /// The attributes of calls to a provider: the conventions' for a client, and ours.
    pub(crate) fn client(&self) -> Attributes {
        let Some(alike) = &self.alike else { return overflow() };
        let mut attributes = self.common();
        attributes.insert(named::REQUEST_MODEL, alike.intent.provider_model.as_str().into());
        attributes.insert(named::OUR_PROVIDER, alike.intent.provider.as_str().into());
        attributes.insert(named::OUR_MODEL, alike.intent.model.as_str().into());
        if let Some((address, port)) = &alike.server {
            attributes.insert(named::SERVER_ADDRESS, address.as_ref().into());
            attributes.insert(named::SERVER_PORT, Attribute::Number((*port).into()));
        }
        attributes
    }

    /// The attributes of requests to the gateway: the conventions' for a server, and ours.
    pub(crate) fn server(&self) -> Attributes {
        let Some(alike) = &self.alike else { return overflow() };
        let mut attributes = self.common();
        attributes.insert(named::REQUEST_MODEL, alike.intent.model.as_str().into());
        attributes
    }

    /// The attributes of what only this program counts.
    pub(crate) fn own(&self) -> Attributes {
        let Some(alike) = &self.alike else { return overflow() };
        let mut attributes = self.common();
        attributes.insert(named::OUR_PROVIDER, alike.intent.provider.as_str().into());
        attributes.insert(named::OUR_MODEL, alike.intent.model.as_str().into());
        attributes
    }

    pub(crate) fn outcome(&self) -> Option<&'static str> {
        Some(self.alike.as_ref()?.outcome)
    }

    fn common(&self) -> Attributes {
        let Some(alike) = &self.alike else { return overflow() };
        let intent = &alike.intent;
        let host = alike.server.as_ref().map(|(host, _)| host.as_ref());
        let mut attributes = Attributes::from([
            (named::OPERATION, intent.endpoint.operation().into()),
            (named::PROVIDER, named::provider_name(alike.kind, host).into()),
            (named::MARKET, intent.market.as_str().into()),
            (named::PURPOSE, intent.purpose.as_str().into()),
        ]);
        if alike.by_organization {
            attributes.insert(named::ORGANIZATION, intent.organization.to_string().as_str().into());
        }
        attributes
    }
}

fn overflow() -> Attributes {
    Attributes::from([(named::OVERFLOW, Attribute::Flag(true))])
}

/// Microseconds from one moment to another, zero where the clock ran backwards.
pub(crate) fn micros(from: Timestamp, to: Timestamp) -> u64 {
    to.micros().saturating_sub(from.micros()).max(0).unsigned_abs()
}

impl Alike {
    fn of(seen: &Seen<'_>, by_organization: bool) -> Self {
        let url = seen.base_url.and_then(|url| url::Url::parse(url).ok());
        let server = url.and_then(|url| Some((url.host_str()?.into(), url.port_or_known_default()?)));
        Self {
            intent: Arc::clone(seen.intent),
            kind: seen.provider_kind,
            base_url: seen.base_url.map(Into::into),
            server,
            outcome: seen.outcome,
            error: seen.error.map(Into::into),
            by_organization,
        }
    }

    fn holds(&self, seen: &Seen<'_>) -> bool {
        let (own, other) = (&self.intent, seen.intent);
        own.provider == other.provider
            && own.model == other.model
            && own.provider_model == other.provider_model
            && own.market == other.market
            && own.purpose == other.purpose
            && own.endpoint == other.endpoint
            && self.outcome == seen.outcome
            && self.error.as_deref() == seen.error
            && self.kind == seen.provider_kind
            && self.base_url.as_deref() == seen.base_url
            && (!self.by_organization || own.organization == other.organization)
    }
}

/// Every series.
#[derive(Debug)]
pub(crate) struct Registry {
    by_hash: RwLock<HashMap<u64, Vec<Arc<Series>>>>,
    /// What is too many kinds.
    overflow: Arc<Series>,
    by_organization: bool,
}

impl Registry {
    pub(crate) fn new(by_organization: bool) -> Self {
        Self {
            by_hash: RwLock::default(),
            overflow: Arc::new(Series::new(None)),
            by_organization,
        }
    }

    /// The series of an attempt.
    pub(crate) fn of(&self, seen: &Seen<'_>) -> Arc<Series> {
        let hash = self.hash(seen);
        let find = |alike: &[Arc<Series>]| {
            let found = alike
                .iter()
                .find(|series| series.alike.as_ref().is_some_and(|alike| alike.holds(seen)));
            found.cloned()
        };
        let known = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(&hash).and_then(|alike| find(alike)) {
            return series;
        }
        drop(known);
        let mut known = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        let is_full = known.len() >= MOST_SERIES;
        let Some(alike) = known.get_mut(&hash) else {
            if is_full {
                return Arc::clone(&self.overflow);
            }
            let series = Arc::new(Series::new(Some(Alike::of(seen, self.by_organization))));
            known.insert(hash, vec![Arc::clone(&series)]);
            return series;
        };
        find(alike).unwrap_or_else(|| {
            let series = Arc::new(Series::new(Some(Alike::of(seen, self.by_organization))));
            alike.push(Arc::clone(&series));
            series
        })
    }

    fn hash(&self, seen: &Seen<'_>) -> u64 {
        let intent = seen.intent;
        let mut hasher = DefaultHasher::new();
        // Lengths keep names apart; the rest decides whatever collides.
        intent.provider.hash(&mut hasher);
        intent.provider_model.hash(&mut hasher);
        intent.model.hash(&mut hasher);
        intent.market.hash(&mut hasher);
        (intent.purpose as u8, intent.endpoint as u8).hash(&mut hasher);
        (seen.outcome, seen.error).hash(&mut hasher);
        if self.by_organization {
            intent.organization.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Every series, what is too many kinds at the end.
    pub(crate) fn all(&self) -> Vec<Arc<Series>> {
        let known = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = known.values().flatten().cloned().collect();
        if self.overflow.attempts.load(Relaxed) > 0 {
            all.push(Arc::clone(&self.overflow));
        }
        all
    }
}
