//! How the door stands at this moment, for whoever looks from outside: numbers, and whether requests would be answered.

use std::{sync::Arc, sync::atomic::Ordering};

use cultivar_limits::health::BreakerState;
use cultivar_record::Timestamp;
use cultivar_store::{Backlog, tables};
use miette::Diagnostic;

use crate::{Gateway, GatewayError};

/// How long the tree head may stay behind while entries wait. It is published four times a second.
const LONGEST_LAG_MS: u64 = 5_000;

/// How the door stands.
#[derive(Clone, Debug)]
pub struct State {
    /// The moment.
    pub at: Timestamp,
    /// Attempts under way.
    pub open_calls: usize,
    /// Of those, answers that leave as events.
    pub open_streams: usize,
    /// What waits in the journal.
    pub journal: Backlog,
    /// Entries that are durable.
    pub durable_entries: u64,
    /// Entries that the last tree head covers.
    pub published_entries: u64,
    /// When this process last published everything that was durable.
    pub published_at: Option<Timestamp>,
    /// Whether each provider is asked.
    pub breakers: Vec<ProviderBreaker>,
    /// Whether the process is about to end.
    pub is_stopping: bool,
}

/// Whether a provider is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderBreaker {
    /// Its name.
    pub provider: String,
    /// The model's name at the gateway.
    pub model: String,
    /// `closed`, `open`, `half_open`.
    pub state: &'static str,
}

impl Gateway {
    /// How the door stands. Reads one row: it blocks for a moment, and waits for nothing.
    ///
    /// # Errors
    /// `store::database` where the records cannot be read.
    pub fn state(&self) -> Result<State, GatewayError> {
        let head = self.store.read(tables::ledger::head)?;
        let published_at = self.publisher.published_at.load(Ordering::Relaxed);
        Ok(State {
            at: self.ambient.now(),
            open_calls: Arc::strong_count(&self.open_calls) - 1,
            open_streams: Arc::strong_count(&self.open_streams) - 1,
            journal: self.journal.backlog(),
            durable_entries: head.next_leaf,
            published_entries: head.published_size,
            published_at: (published_at > 0).then(|| Timestamp::from_micros(published_at)),
            breakers: self.breakers(),
            is_stopping: self.is_stopping.load(Ordering::Relaxed),
        })
    }

    /// Says that the process is about to end: from now on, others are better asked.
    pub fn stop_soon(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    fn breakers(&self) -> Vec<ProviderBreaker> {
        let providers = self.providers().into_iter();
        let state = |provider: &cultivar_record::Provider| match self.health.look(provider.id) {
            Some(health) => match health.breaker.state() {
                BreakerState::Closed { .. } => "closed",
                BreakerState::Open { .. } => "open",
                BreakerState::HalfOpen { .. } => "half_open",
            },
            None => "closed",
        };
        providers
            .map(|provider| ProviderBreaker {
                state: state(&provider),
                provider: provider.name,
                model: provider.model,
            })
            .collect()
    }
}

impl State {
    /// Milliseconds since everything that was durable was last published; nothing where this process never did.
    pub fn lag_ms(&self) -> Option<u64> {
        Some(self.at.millis_since(self.published_at?))
    }

    /// Why requests would not be answered, a line each; none where they would.
    pub fn hindrances(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_stopping {
            lines.push("stopping: the server is about to end".to_owned());
        }
        if let Some(failure) = &self.journal.failure {
            let code = failure.code().map(|code| code.to_string()).unwrap_or_default();
            lines.push(format!("journal: the last attempt to settle failed with `{code}`"));
        }
        if self.journal.is_torn {
            lines.push("journal: a write broke off, and nothing more can be appended".to_owned());
        }
        if self.journal.is_half_full {
            let Backlog { frames, bytes, .. } = self.journal;
            lines.push(format!(
                "journal: {frames} frames of {bytes} bytes wait, half of what may"
            ));
        }
        if self.durable_entries > self.published_entries {
            let waiting = self.durable_entries - self.published_entries;
            match self.lag_ms() {
                None => lines.push(format!(
                    "ledger: {waiting} entries wait, and no tree head was published yet"
                )),
                Some(lag) if lag > LONGEST_LAG_MS => {
                    lines.push(format!(
                        "ledger: {waiting} entries wait, and the tree head is {lag} ms old"
                    ));
                }
                Some(_) => {}
            }
        }
        lines
    }
}
