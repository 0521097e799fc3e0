//! A circuit breaker: closed, open, half-open.
//!
//! ```text
//!            too many failures                the pause is over
//!   closed ───────────────────▶ open ◀──────────────────────────▶ half-open
//!      ▲                              the probe fails                │
//!      └─────────────────────────────────────────────────────────────┘ the probe succeeds
//! ```
//! Source: M. Nygard, "Release It!", 2007, chapter 5.

use std::time::Duration;

use cultivar_record::{Seed, Timestamp};

use crate::backoff;

/// So many failures in a row open the breaker: enough that a deployment's single dropped connection does not, few enough
/// that a dead provider costs a handful of calls.
const CONSECUTIVE: u32 = 5;
/// Failures are also counted over so many milliseconds, for a provider that fails every other call.
const WINDOW_MS: u64 = 30_000;
/// The window slides in so many steps.
const SLOTS: usize = 6;
/// With fewer calls in the window a share says nothing.
const ENOUGH_CALLS: u32 = 20;
/// The breaker opens where at least one in so many calls of the window failed.
const FAILED_SHARE: u32 = 2;
/// The first pause: a restarting server needs about this long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: a provider that is back is found within a minute.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A breaker that opens again within so many milliseconds of closing has not recovered: its pauses go on growing.
const RELAPSE_MS: u64 = 60_000;
/// A probe without an outcome is given up after so many milliseconds, so that one lost caller cannot keep a provider out.
/// As long as a first byte may reasonably take.
const PROBE_MS: u64 = 60_000;

/// The breaker of one provider.
#[derive(Clone, Debug)]
pub struct Breaker {
    seed: Seed,
    state: BreakerState,
    /// Changes with every state and every probe: outcomes of attempts that began before are of no account.
    generation: u64,
    consecutive: u32,
    window: [Slot; SLOTS],
    /// How often it has opened without recovering.
    openings: u32,
    /// How often it has opened at all: no two pauses draw the same jitter.
    draws: u32,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everybody is admitted.
    Closed {
        /// Since when.
        since: Timestamp,
    },
    /// Nobody is admitted.
    Open {
        /// Until when.
        until: Timestamp,
    },
    /// One attempt is under way to find out.
    HalfOpen {
        /// Since when.
        since: Timestamp,
    },
}

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may; how it ends is to be recorded.
    Admitted(Attempt),
    /// It may not.
    Refused {
        /// Not before this moment.
        until: Timestamp,
    },
}

/// An attempt that was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    generation: u64,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider did its part, be it with a refusal.
    Answered,
    /// The provider failed.
    Failed,
    /// The caller left before anything could be said about the provider.
    Abandoned,
}

/// Calls of one step of the window.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which step since the epoch.
    number: u64,
    calls: u32,
    failed: u32,
}

impl Breaker {
    /// Closed, with nothing counted.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            state: BreakerState::Closed {
                since: Timestamp::from_micros(0),
            },
            generation: 0,
            consecutive: 0,
            window: [Slot::default(); SLOTS],
            openings: 0,
            draws: 0,
        }
    }

    /// Where it stands. An open breaker stays open until somebody asks after its pause.
    pub const fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether the provider may be asked. After a pause, whoever comes first is the probe, and the others wait for it.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        let until = match self.state {
            BreakerState::Closed { .. } => return self.admitted(),
            BreakerState::Open { until } => until,
            BreakerState::HalfOpen { since } => later(since, Duration::from_millis(PROBE_MS)),
        };
        if now < until {
            return Admission::Refused { until };
        }
        self.enter(BreakerState::HalfOpen { since: now });
        self.admitted()
    }

    /// Takes note of how an attempt ended, unless the breaker has moved on since it began.
    pub fn record(&mut self, attempt: Attempt, outcome: Outcome, now: Timestamp) {
        if attempt.generation != self.generation {
            return;
        }
        match (self.state, outcome) {
            (BreakerState::Closed { since }, Outcome::Failed) => {
                self.count(true, now);
                self.consecutive += 1;
                if self.consecutive >= CONSECUTIVE || self.share_is_high(now) {
                    if now.millis_since(since) >= RELAPSE_MS {
                        self.openings = 0;
                    }
                    self.open(now);
                }
            }
            (BreakerState::Closed { .. }, Outcome::Answered) => {
                self.count(false, now);
                self.consecutive = 0;
            }
            (BreakerState::HalfOpen { .. }, Outcome::Answered) => self.enter(BreakerState::Closed { since: now }),
            (BreakerState::HalfOpen { .. }, Outcome::Failed) => self.open(now),
            // The next one to come is the probe.
            (BreakerState::HalfOpen { .. }, Outcome::Abandoned) => self.enter(BreakerState::Open { until: now }),
            (BreakerState::Closed { .. }, Outcome::Abandoned) | (BreakerState::Open { .. }, _) => {}
        }
    }

    const fn admitted(&self) -> Admission {
        Admission::Admitted(Attempt {
            generation: self.generation,
        })
    }

    /// Opens for a pause that doubles with every opening, less up to half of it: breakers of several processes that opened
    /// together do not probe together.
    fn open(&mut self, now: Timestamp) {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.openings.min(16))
            .min(LONGEST_PAUSE);
        let pause = pause.saturating_sub(backoff::up_to(pause / 2, self.seed, self.draws));
        self.openings = self.openings.saturating_add(1);
        self.draws = self.draws.wrapping_add(1);
        self.enter(BreakerState::Open {
            until: later(now, pause),
        });
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.generation += 1;
        self.consecutive = 0;
        self.window = [Slot::default(); SLOTS];
    }

    fn count(&mut self, failed: bool, now: Timestamp) {
        let number = step(now);
        let place = usize::try_from(number).unwrap_or_default() % SLOTS;
        let Some(slot) = self.window.get_mut(place) else {
            return;
        };
        if slot.number != number {
            *slot = Slot {
                number,
                ..Slot::default()
            };
        }
        slot.calls += 1;
        slot.failed += u32::from(failed);
    }

    fn share_is_high(&self, now: Timestamp) -> bool {
        let newest = step(now);
        let oldest = newest.saturating_sub(SLOTS as u64 - 1);
        let slots = self
            .window
            .iter()
            .filter(|slot| (oldest..=newest).contains(&slot.number));
        let (calls, failed) = slots.fold((0, 0), |(calls, failed), slot| {
            (calls + slot.calls, failed + slot.failed)
        });
        calls >= ENOUGH_CALLS && failed * FAILED_SHARE >= calls
    }
}

const fn step(now: Timestamp) -> u64 {
    now.millis() / (WINDOW_MS / SLOTS as u64)
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(moment.micros().saturating_add(micros))
}
