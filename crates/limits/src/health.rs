//! How providers are doing: whom to ask, whom to leave alone for a while, and whom to ask last.
//!
//! Each provider has a circuit breaker over its failures and a running latency, the time to the first byte. A breaker
//! excludes; a latency far above that of the other candidates only moves a provider to the end of the order.
//!
//! It does not know what a failure is (the caller says so: no connection, a timeout, a 5xx or a broken stream; never a
//! refusal for policy or a bad request), who is permitted, or the time.

mod breaker;
mod latency;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cultivar_record::{ProviderId, Seed, Timestamp};

pub use breaker::{Admission, Attempt, Breaker, BreakerState, Outcome};
pub use latency::Latency;

/// A provider is slow where its latency is more than so many times the median of the other candidates'. Models of one
/// family differ by a factor of two in ordinary times.
const SLOW_RATIO: f64 = 3.0;
/// And more than so many milliseconds above it: among candidates that all answer at once, three times nothing is nothing.
const SLOW_MARGIN_MS: f64 = 100.0;

/// How one provider is doing.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether it is asked.
    pub breaker: Breaker,
    /// How fast it begins to answer.
    pub latency: Latency,
}

impl Health {
    /// A provider of which nothing is known: asked like any other.
    pub fn new(seed: Seed) -> Self {
        Self {
            breaker: Breaker::new(seed),
            latency: Latency::default(),
        }
    }

    /// Takes note of how an attempt ended. `first_byte_ms` is the time to the first byte of the answer, where one came.
    pub fn record(&mut self, attempt: Attempt, outcome: Outcome, first_byte_ms: Option<f64>, now: Timestamp) {
        if let Some(millis) = first_byte_ms {
            self.latency.observe(millis, now);
        }
        self.breaker.record(attempt, outcome, now);
    }
}

/// The order in which to ask: as given, but whoever is slow in comparison to the others comes last. Nobody is left out.
pub fn order(candidates: &[&Latency], now: Timestamp) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|index| is_slow(*index, candidates, now));
    order
}

fn is_slow(index: usize, candidates: &[&Latency], now: Timestamp) -> bool {
    let Some(own) = candidates.get(index).and_then(|latency| latency.fresh(now)) else {
        return false;
    };
    let others = candidates.iter().enumerate().filter(|(other, _)| *other != index);
    let mut others: Vec<f64> = others.filter_map(|(_, latency)| latency.known(now)).collect();
    others.sort_by(f64::total_cmp);
    // The lower median: of two others, the faster one.
    let median = others.get(others.len().saturating_sub(1) / 2);
    median.is_some_and(|median| own > median * SLOW_RATIO && own > median + SLOW_MARGIN_MS)
}

/// The health of every provider, shared by all calls of a process.
#[derive(Debug)]
pub struct HealthBoard {
    seed: Seed,
    known: Mutex<HashMap<ProviderId, Health>>,
}

impl HealthBoard {
    /// Nothing is known of anybody. The seed decides the jitter of the breakers.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            known: Mutex::default(),
        }
    }

    /// Whether a provider may be asked now. Whoever is admitted says later how it ended, with [`HealthBoard::record`].
    pub fn admit(&self, provider: ProviderId, now: Timestamp) -> Admission {
        self.with(provider, |health| health.breaker.admit(now))
    }

    /// Takes note of how an attempt ended.
    pub fn record(
        &self,
        provider: ProviderId,
        attempt: Attempt,
        outcome: Outcome,
        first_byte_ms: Option<f64>,
        now: Timestamp,
    ) {
        self.with(provider, |health| health.record(attempt, outcome, first_byte_ms, now));
    }

    /// The order in which to ask these providers, as indices: see [`order`].
    pub fn order(&self, providers: &[ProviderId], now: Timestamp) -> Vec<usize> {
        let known = self.lock();
        let nothing = Latency::default();
        let latencies: Vec<&Latency> = providers
            .iter()
            .map(|provider| known.get(provider).map_or(&nothing, |health| &health.latency))
            .collect();
        order(&latencies, now)
    }

    /// How a provider is doing, for people and for metrics; `None` where it was never asked.
    pub fn look(&self, provider: ProviderId) -> Option<Health> {
        self.lock().get(&provider).cloned()
    }

    fn with<T>(&self, provider: ProviderId, act: impl FnOnce(&mut Health) -> T) -> T {
        let mut known = self.lock();
        let number = u64::try_from(known.len()).unwrap_or_default();
        let seed = Seed::new(self.seed.get().wrapping_add(number));
        act(known.entry(provider).or_insert_with(|| Health::new(seed)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderId, Health>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
