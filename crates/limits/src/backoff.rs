//! When a failed call may be tried again: delays with full jitter, and a budget that keeps retries from becoming a storm.
//!
//! It does not know what failed or whether trying again is right; it does not wait and reads no clock.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use cultivar_record::Seed;

/// The ceiling of the first delay. The official OpenAI clients wait half a second; a gateway is closer to the provider.
const FIRST_STEP: Duration = Duration::from_millis(250);
/// The ceiling of every later delay: the official OpenAI clients stop growing here too.
const LONGEST_STEP: Duration = Duration::from_secs(8);
/// The longest `retry-after` that is waited out. The official OpenAI clients obey a minute at most; whoever is told to wait
/// for longer had better ask elsewhere.
const LONGEST_HINT: Duration = Duration::from_mins(1);

/// One retry is earned by so many requests: at most 10 % of the requests are retries.
const REQUESTS_PER_RETRY: u32 = 10;
/// Retries that are there before any request has earned one.
const ALLOWANCE: u32 = 10;
/// Retries that can be saved up: what a quiet day has earned must not become one burst.
const MOST_SAVED: u32 = 100;

/// How long to wait before retry number `retry` (0 is the first): uniform between zero and a ceiling that doubles, so that
/// callers who failed together do not come back together. A provider's `retry-after` comes first and the jitter on top of
/// it; `None` where it asks for more than a minute: do not try again here.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, "full jitter".
pub fn delay(retry: u32, retry_after: Option<Duration>, seed: Seed) -> Option<Duration> {
    let hint = retry_after.unwrap_or_default();
    if hint > LONGEST_HINT {
        return None;
    }
    let ceiling = FIRST_STEP.saturating_mul(1 << retry.min(16)).min(LONGEST_STEP);
    Some(hint + up_to(ceiling, seed, retry))
}

/// A duration between zero and `ceiling`, in whole microseconds, that follows from the seed and a number.
pub(crate) fn up_to(ceiling: Duration, seed: Seed, number: u32) -> Duration {
    let micros = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX - 1);
    let drawn = u128::from(mixed(seed.get() ^ (u64::from(number) << 53))) * (u128::from(micros) + 1);
    Duration::from_micros(u64::try_from(drawn >> 64).unwrap_or(micros))
}

/// The second output of `SplitMix64` from a state: neighbouring seeds give unrelated numbers.
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 13 with the
/// constants of Stafford's variant 13.
const fn mixed(state: u64) -> u64 {
    let state = state
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// How many retries all callers together may still make: a tenth of the requests, and ten.
#[derive(Debug)]
pub struct RetryBudget {
    /// In tenths of a retry.
    saved: AtomicU32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

impl RetryBudget {
    /// With the allowance and nothing earned.
    pub const fn new() -> Self {
        Self {
            saved: AtomicU32::new(ALLOWANCE * REQUESTS_PER_RETRY),
        }
    }

    /// A first attempt was made: it earns a tenth of a retry.
    pub fn earn(&self) {
        let more = |saved: u32| (saved < MOST_SAVED * REQUESTS_PER_RETRY).then_some(saved + 1);
        // Where nothing more can be saved, nothing changes.
        let _ = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Spends one retry; `false` where there is none: give the caller the failure instead.
    pub fn spend(&self) -> bool {
        let less = |saved: u32| saved.checked_sub(REQUESTS_PER_RETRY);
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delays_fill_the_whole_range_below_a_ceiling_that_doubles() {
        for (retry, ceiling) in [
            (0, 250),
            (1, 500),
            (4, 4_000),
            (5, 8_000),
            (6, 8_000),
            (u32::MAX, 8_000),
        ] {
            let delays: Vec<u128> = (0..2_000)
                .map(|seed| delay(retry, None, Seed::new(seed)).unwrap().as_millis())
                .collect();
            let mean = delays.iter().sum::<u128>() / 2_000;
            assert!(delays.iter().all(|delay| *delay <= ceiling), "{retry}");
            assert!(delays.iter().any(|delay| *delay < ceiling / 50), "{retry}");
            assert!(delays.iter().any(|delay| *delay > ceiling - ceiling / 50), "{retry}");
            // The mean of 2,000 uniform draws has a standard error of 0.65 % of the ceiling.
            assert!(mean.abs_diff(ceiling / 2) < ceiling * 3 / 100, "{retry}: {mean}");
        }
    }

    #[test]
    fn a_provider_that_names_a_time_is_obeyed_up_to_a_minute() {
        let hint = Duration::from_mins(1);
        for seed in 0..100 {
            let waited = delay(0, Some(hint), Seed::new(seed)).unwrap();
            assert!(waited >= hint && waited <= hint + FIRST_STEP);
        }
        assert_eq!(delay(0, Some(hint + Duration::from_millis(1)), Seed::new(1)), None);
    }

    #[test]
    fn one_call_has_other_delays_than_the_next() {
        let seeds: std::collections::HashSet<_> = (0..1_000).map(|seed| delay(3, None, Seed::new(seed))).collect();
        let retries: std::collections::HashSet<_> = (6..20).map(|retry| delay(retry, None, Seed::new(7))).collect();
        assert!(seeds.len() > 990 && retries.len() == 14);
    }

    proptest! {
        /// At every moment: retries are at most a tenth of the requests and ten. And no retry is refused that was earned,
        /// as long as no savings were lost at the top.
        #[test]
        fn retries_are_a_tenth_of_the_requests_and_ten(calls in prop::collection::vec(prop::bool::weighted(0.7), 0..600)) {
            let budget = RetryBudget::new();
            let (mut requests, mut retries) = (0_u32, 0_u32);
            for is_request in calls {
                if is_request {
                    budget.earn();
                    requests += 1;
                } else {
                    let earned = (retries + 1) * 10 <= requests + 100;
                    prop_assert_eq!(budget.spend(), earned);
                    retries += u32::from(earned);
                }
                prop_assert!(retries * 10 <= requests + 100);
            }
        }
    }

    #[test]
    fn a_quiet_day_does_not_save_up_for_a_storm() {
        let budget = RetryBudget::new();
        (0..1_000_000).for_each(|_| budget.earn());
        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100);
    }

    #[test]
    fn callers_at_once_do_not_spend_one_retry_twice() {
        let budget = RetryBudget::new();
        let spent = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        budget.earn();
                        if budget.spend() {
                            spent.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(spent.into_inner(), 500 + ALLOWANCE);
    }
}
