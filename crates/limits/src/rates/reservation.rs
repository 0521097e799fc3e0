//! What a call has reserved, until it is settled or dropped.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use cultivar_record::{Limit, MicroUsd, Timestamp, TokenCount};

use super::{
    AlertCrossed, Estimate, HolderId, RateState,
    bucket::Bucket,
    counters::{Counters, Taken},
    lock,
};

/// What a call has reserved at each of its holders. Dropped without settlement (nothing was sent, or nothing was answered),
/// it gives tokens and money back; the request stays counted.
#[derive(Debug)]
#[must_use = "dropping it gives tokens and money back"]
pub struct Reservation {
    held: Vec<Held>,
    estimate: Estimate,
}

/// What is reserved at one holder, and how it stood right after.
#[derive(Debug)]
pub(super) struct Held {
    holder: HolderId,
    counters: Arc<Mutex<Counters>>,
    taken: Option<Taken>,
    pub(super) requests: Option<Bucket>,
    pub(super) tokens: Option<Bucket>,
}

impl Held {
    pub(super) const fn new(holder: HolderId, counters: Arc<Mutex<Counters>>) -> Self {
        Self {
            holder,
            counters,
            taken: None,
            requests: None,
            tokens: None,
        }
    }

    pub(super) const fn holder(&self) -> HolderId {
        self.holder
    }

    pub(super) const fn counters(&self) -> &Arc<Mutex<Counters>> {
        &self.counters
    }

    pub(super) const fn note(&mut self, taken: Taken) {
        self.taken = Some(taken);
    }

    pub(super) fn remember(&mut self, counters: &Counters, limit: &Limit) {
        self.requests = limit.requests_per_minute.map(|_| counters.requests);
        self.tokens = limit.tokens_per_minute.map(|_| counters.tokens);
    }
}

impl Reservation {
    pub(super) const fn new(held: Vec<Held>, estimate: Estimate) -> Self {
        Self { held, estimate }
    }

    /// What was estimated.
    pub const fn estimate(&self) -> Estimate {
        self.estimate
    }

    /// How requests and tokens stood right after this reservation, at the holder with the least left of each.
    pub fn state(&self) -> RateState {
        RateState::tightest(&self.held)
    }

    /// Replaces the estimate by what the call used. More than the estimate is charged too: the tokens are then missing to
    /// later calls, and a budget may be overdrawn by the difference. Says which thresholds of budgets this has crossed, each
    /// once in a period.
    pub fn settle(mut self, tokens: TokenCount, cost: MicroUsd, now: Timestamp) -> Vec<AlertCrossed> {
        let mut alerts = Vec::new();
        for held in mem::take(&mut self.held) {
            let Some(taken) = held.taken else {
                continue;
            };
            let mut counters = lock(&held.counters);
            // Where nothing was taken nothing is owed: tokens were not limited when the call began.
            if taken.tokens > tokens.get() {
                counters.tokens.give_back(taken.tokens - tokens.get());
            } else if held.tokens.is_some() {
                counters.tokens.refill_until(now.micros());
                counters.tokens.take(tokens.get() - taken.tokens);
            }
            counters.purse.settle(taken.pledge, cost, held.holder, &mut alerts);
        }
        alerts
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for held in &self.held {
            if let Some(taken) = held.taken {
                let mut counters = lock(&held.counters);
                counters.tokens.give_back(taken.tokens);
                counters.purse.release(taken.pledge);
            }
        }
    }
}
