//! Time and randomness from a counter: the same test gives the same bytes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use cultivar_record::{Ambient, Digest, Timestamp};

/// The moment at which every test begins: 2026-01-01T00:00:00Z, in microseconds.
const START_MICROS: i64 = 1_767_225_600_000_000;

/// A clock that advances one millisecond per reading, and randomness that is the digest of a counter.
#[derive(Debug, Default)]
pub struct CountingAmbient {
    moments: AtomicU64,
    draws: AtomicU64,
}

impl CountingAmbient {
    /// Lets time pass, in whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.moments.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Ambient for CountingAmbient {
    fn now(&self) -> Timestamp {
        let count = self.moments.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_micros(START_MICROS + i64::try_from(count * 1_000).unwrap_or(0))
    }

    fn entropy(&self) -> [u8; 32] {
        let count = self.draws.fetch_add(1, Ordering::Relaxed);
        *Digest::of_bytes(&count.to_le_bytes()).as_bytes()
    }
}
