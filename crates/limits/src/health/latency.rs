//! Latency as a peak-sensitive moving average: it rises at once and falls slowly.

use cultivar_record::Timestamp;

/// After so many milliseconds an old peak weighs a third (1/e) against what is measured now: long enough to see through a
/// single fast answer, short enough that a provider is forgiven within a minute.
const FADING_MS: f64 = 10_000.0;
/// Fewer samples say nothing about a provider.
const ENOUGH_SAMPLES: u32 = 5;
/// A provider is called slow for so many milliseconds after its latest sample; then it is tried in its place again. It gets
/// no new samples at the end of the order, so it could not be forgiven otherwise.
const FRESH_MS: u64 = 30_000;
/// For so many milliseconds after its latest sample a provider is a measure for the others.
const KNOWN_MS: u64 = 600_000;

/// The time from asking to the first byte of the answer, in milliseconds.
///
/// Source: the peak EWMA of Twitter's Finagle (`com.twitter.finagle.loadbalancer.PeakEwma`), without its count of
/// outstanding requests, which says nothing about an API behind somebody else's balancer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    average_ms: f64,
    samples: u32,
    at: Option<Timestamp>,
}

impl Latency {
    /// Takes a sample. What is not a time is passed over.
    pub fn observe(&mut self, millis: f64, now: Timestamp) {
        if !millis.is_finite() || millis < 0.0 {
            return;
        }
        self.average_ms = match self.at {
            Some(before) if millis < self.average_ms => {
                let elapsed = u32::try_from(now.millis_since(before)).map_or(f64::MAX, f64::from);
                let weight = (-elapsed / FADING_MS).exp();
                millis + (self.average_ms - millis) * weight
            }
            _ => millis,
        };
        self.samples = self.samples.saturating_add(1);
        self.at = self.at.max(Some(now));
    }

    /// The average in milliseconds, where it means something.
    pub fn average_ms(&self) -> Option<f64> {
        (self.samples >= ENOUGH_SAMPLES).then_some(self.average_ms)
    }

    pub(super) fn fresh(&self, now: Timestamp) -> Option<f64> {
        self.within(FRESH_MS, now)
    }

    pub(super) fn known(&self, now: Timestamp) -> Option<f64> {
        self.within(KNOWN_MS, now)
    }

    fn within(&self, millis: u64, now: Timestamp) -> Option<f64> {
        let at = self.at?;
        self.average_ms().filter(|_| now.millis_since(at) <= millis)
    }
}
