//! Limits in memory: requests per minute, tokens per minute and budgets, by reservation and settlement.
//!
//! A call reserves at every holder (its key, its project, its organisation) what it may use at most, all or nothing, and
//! settles with what it used. What is reserved counts as used, so callers at the same moment cannot overshoot together.
//! Each holder has one lock; several are taken in the order of their ids, so that no two calls wait for each other.
//!
//! It does not know the time (`now` is an argument), where limits are written down, or what has been spent before this
//! process began: [`Limits::restore_spend`] tells it.

mod bucket;
mod calendar;
mod counters;
mod purse;
mod rate_state;
mod refusal;
mod reservation;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use cultivar_record::{ApiKeyId, Limit, MicroUsd, OrganizationId, ProjectId, Timestamp, TokenCount};

pub use calendar::period_start;
pub use purse::{AlertCrossed, Spend};
pub use rate_state::{RateState, RateWindow, go_duration};
pub use refusal::{Exceeded, LimitRefusal, Wait};
pub use reservation::Reservation;

use counters::Counters;
use refusal::Obstacle;
use reservation::Held;

/// Who has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HolderId {
    /// A key.
    ApiKey(ApiKeyId),
    /// A project, for all its keys together.
    Project(ProjectId),
    /// An organisation, for all its projects together.
    Organization(OrganizationId),
}

/// What a call will use at most, as far as that can be known before it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens of the request and of the answer.
    pub tokens: TokenCount,
    /// What they cost.
    pub cost: MicroUsd,
}

/// What every holder has used. One per process; calls share it.
#[derive(Debug, Default)]
pub struct Limits {
    holders: RwLock<HashMap<HolderId, Arc<Mutex<Counters>>>>,
}

impl Limits {
    /// Nobody has used anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reserves one request, its tokens and its cost at every holder, or nothing at any.
    ///
    /// A holder without limits is counted as well, so that a budget given to it while calls are under way holds for them. A
    /// holder that is named twice counts once, with its first limit.
    ///
    /// # Errors
    /// The limit that would let the call through last, where one or several would not let it through now.
    pub fn reserve(
        &self,
        holders: &[(HolderId, &Limit)],
        estimate: Estimate,
        now: Timestamp,
    ) -> Result<Reservation, Box<LimitRefusal>> {
        let mut held = self.look_up(holders);
        let mut worst = None;
        take_all(&mut held, holders, estimate, now, &mut worst);
        match worst {
            None => Ok(Reservation::new(held, estimate)),
            Some(obstacle) => Err(Box::new(obstacle.refusal(RateState::tightest(&held)))),
        }
    }

    /// Says what a holder had spent since `period_start`, the beginning of its budget's current period (the epoch for a
    /// budget that never begins anew): calls belong to the period in which they were reserved. Thresholds that this spend
    /// has passed count as told.
    ///
    /// To be called before the holder's first reservation, and again when the period of its budget is changed. Calls under
    /// way stay reserved; one that settles between reading the sum and this call is in one of the two, or in neither.
    pub fn restore_spend(&self, holder: HolderId, period_start: Timestamp, spent: MicroUsd) {
        let counters = self.counters_of(holder);
        lock(&counters).purse.restore(period_start, spent);
    }

    /// What a holder has spent and reserved in the period of its latest call; `None` where this process has not seen it.
    pub fn spend(&self, holder: HolderId) -> Option<Spend> {
        let holders = self.holders.read().unwrap_or_else(PoisonError::into_inner);
        let counters = holders.get(&holder)?;
        let spend = lock(counters).purse.spend();
        Some(spend)
    }

    /// The holders' counters in the order in which they are locked.
    fn look_up(&self, holders: &[(HolderId, &Limit)]) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::with_capacity(holders.len());
        {
            let known = self.holders.read().unwrap_or_else(PoisonError::into_inner);
            held.extend(holders.iter().filter_map(|(holder, _)| {
                let counters = known.get(holder)?;
                Some(Held::new(*holder, Arc::clone(counters)))
            }));
        }
        if held.len() < holders.len() {
            held.clear();
            held.extend(
                holders
                    .iter()
                    .map(|(holder, _)| Held::new(*holder, self.counters_of(*holder))),
            );
        }
        held.sort_unstable_by_key(Held::holder);
        held.dedup_by_key(|held| held.holder());
        held
    }

    fn counters_of(&self, holder: HolderId) -> Arc<Mutex<Counters>> {
        let mut known = self.holders.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(holder).or_default())
    }
}

/// Locks one holder after the other, and takes only where all of them have let the call through: the recursion keeps the
/// locks of those before. Leaves in `worst` what would let the call through last.
fn take_all(
    held: &mut [Held],
    holders: &[(HolderId, &Limit)],
    estimate: Estimate,
    now: Timestamp,
    worst: &mut Option<Obstacle>,
) {
    let Some((first, rest)) = held.split_first_mut() else {
        return;
    };
    let named = holders.iter().find(|(holder, _)| *holder == first.holder());
    let Some((holder, limit)) = named else {
        return;
    };
    let counters = Arc::clone(first.counters());
    let mut counters = lock(&counters);
    counters.observe(limit, now);
    if let Some(obstacle) = counters.obstacle(*holder, limit, estimate, now)
        && worst.as_ref().is_none_or(|worst| obstacle.wait > worst.wait)
    {
        *worst = Some(obstacle);
    }
    take_all(rest, holders, estimate, now, worst);
    if worst.is_none() {
        first.note(counters.take(limit, estimate, now));
    }
    first.remember(&counters, limit);
}

/// A thread that panicked while it held the lock left whole numbers behind: they are used on.
fn lock(counters: &Mutex<Counters>) -> MutexGuard<'_, Counters> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}
