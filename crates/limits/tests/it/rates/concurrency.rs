//! Two hundred callers at once, and not one too many.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use cultivar_limits::rates::{HolderId, Limits};
use cultivar_record::{BudgetPeriod, Limit, MicroUsd, Timestamp, TokenCount};

use super::{NOON, at, budget, estimate, key, rates};

const CALLERS: u64 = 200;

/// Runs `call` on every caller's thread, all starting at once, `rounds` times each.
fn callers(rounds: u64, call: impl Fn(u64, u64) + Sync) {
    let start = Barrier::new(usize::try_from(CALLERS).unwrap());
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (start, call) = (&start, &call);
            scope.spawn(move || {
                start.wait();
                for round in 0..rounds {
                    call(caller, round);
                }
            });
        }
    });
}

/// Every caller has a key of its own or shares one, and all share the last holder, whose limit is the one that binds.
fn holders<'a>(caller: u64, wide: &'a Limit, shared: &'a Limit) -> [(HolderId, &'a Limit); 2] {
    let own = key(u8::try_from(caller % 7).unwrap());
    let all = key(200);
    // Named in either order: the locks are taken in one.
    if caller.is_multiple_of(2) {
        [(own, wide), (all, shared)]
    } else {
        [(all, shared), (own, wide)]
    }
}

#[test]
fn a_budget_is_never_overshot_and_used_up_exactly() {
    let (limits, now) = (Limits::new(), at(NOON));
    let (wide, shared) = (
        budget(i64::MAX, BudgetPeriod::Day, &[]),
        budget(100_000, BudgetPeriod::Day, &[50, 100]),
    );
    let (under_way, spent, most, alerts) = (
        AtomicI64::new(0),
        AtomicI64::new(0),
        AtomicI64::new(0),
        AtomicU64::new(0),
    );
    callers(60, |caller, round| {
        let cost = i64::try_from((caller * 31 + round * 17) % 40 + 1).unwrap();
        let Ok(reservation) = limits.reserve(&holders(caller, &wide, &shared), estimate(0, cost), now) else {
            return;
        };
        // Seen from outside: at no moment may what is spent and what is under way exceed the budget.
        // What is spent is read first: a call that settles in between is then missed, never counted twice.
        let used = spent.load(SeqCst) + under_way.fetch_add(cost, SeqCst) + cost;
        most.fetch_max(used, SeqCst);
        thread::yield_now();
        under_way.fetch_sub(cost, SeqCst);
        if round % 5 == 0 {
            drop(reservation);
        } else {
            let actual = cost - cost % 3;
            spent.fetch_add(actual, SeqCst);
            let told = reservation.settle(TokenCount::new(0), MicroUsd::new(actual), now);
            alerts.fetch_add(u64::try_from(told.len()).unwrap(), SeqCst);
        }
    });
    let counted = limits.spend(key(200)).unwrap();
    assert!(most.load(SeqCst) <= 100_000, "{most:?} at once");
    assert_eq!((counted.spent.get(), counted.reserved.get()), (spent.load(SeqCst), 0));
    // Some hundred thousand were asked for: what is left is less than the smallest call that still found no place.
    assert!(counted.spent.get() > 99_950, "{counted:?}");
    assert_eq!(alerts.load(SeqCst), 1 + u64::from(counted.spent.get() == 100_000));
}

#[test]
fn a_budget_of_equal_calls_lets_through_exactly_as_many_as_it_pays_for() {
    let (limits, now) = (Limits::new(), at(NOON));
    let (wide, shared) = (Limit::default(), budget(1_000, BudgetPeriod::Total, &[]));
    let admitted = AtomicI64::new(0);
    callers(20, |caller, _| {
        if let Ok(reservation) = limits.reserve(&holders(caller, &wide, &shared), estimate(0, 3), now) {
            admitted.fetch_add(1, SeqCst);
            reservation.settle(TokenCount::new(0), MicroUsd::new(3), now);
        }
    });
    assert_eq!(admitted.load(SeqCst), 333);
}

#[test]
fn requests_per_minute_are_never_overshot() {
    assert_eq!(
        flood(&rates(Some(1_000_000), None), &rates(Some(1_234), None), 0),
        1_234
    );
}

#[test]
fn tokens_per_minute_are_never_overshot() {
    assert_eq!(
        flood(&rates(None, Some(1_000_000)), &rates(None, Some(10_000)), 7),
        10_000 / 7
    );
}

/// How many of 10,000 calls are admitted while time stands still.
fn flood(wide: &Limit, shared: &Limit, tokens: u64) -> u64 {
    let (limits, admitted) = (Limits::new(), AtomicU64::new(0));
    callers(50, |caller, _| {
        if let Ok(reservation) = limits.reserve(&holders(caller, wide, shared), estimate(tokens, 0), at(NOON)) {
            admitted.fetch_add(1, SeqCst);
            let _ = reservation.settle(TokenCount::new(tokens), MicroUsd::new(0), at(NOON));
        }
    });
    admitted.load(SeqCst)
}

/// The requests come back one by one as time goes on, so that nearly every call meets a bucket that is all but empty: whoever
/// looked and took in two steps would be caught here.
#[test]
fn requests_per_minute_hold_at_every_moment_while_time_goes_on() {
    let (limits, wide, shared) = (Limits::new(), Limit::default(), rates(Some(600), None));
    let (clock, admitted, begin) = (AtomicI64::new(at(NOON).micros()), AtomicI64::new(0), at(NOON).micros());
    callers(500, |caller, _| {
        let now = Timestamp::from_micros(clock.fetch_add(5_000, SeqCst) + 5_000);
        if limits
            .reserve(&holders(caller, &wide, &shared), estimate(0, 0), now)
            .is_ok()
        {
            let count = admitted.fetch_add(1, SeqCst) + 1;
            let elapsed = clock.load(SeqCst) - begin;
            assert!(count <= 600 + 600 * elapsed / 60_000_000, "{count} in {elapsed} µs");
        }
    });
    let most = 600 + 600 * (clock.load(SeqCst) - begin) / 60_000_000;
    // Nor is anything lost but what refilled while nobody asked.
    assert!(admitted.load(SeqCst) > most - 20, "{admitted:?} of {most}");
}

/// Room for three calls at a time, and two hundred who want it again and again.
#[test]
fn money_and_tokens_under_way_hold_at_every_moment() {
    for shared in [budget(10, BudgetPeriod::Day, &[]), rates(None, Some(10))] {
        let (limits, wide, now) = (Limits::new(), Limit::default(), at(NOON));
        let (under_way, together) = (AtomicI64::new(0), AtomicI64::new(0));
        callers(300, |caller, _| {
            if let Ok(reservation) = limits.reserve(&holders(caller, &wide, &shared), estimate(3, 3), now) {
                let calls = under_way.fetch_add(1, SeqCst) + 1;
                assert!(calls <= 3, "{calls} calls at once");
                together.fetch_max(calls, SeqCst);
                thread::yield_now();
                under_way.fetch_sub(1, SeqCst);
                drop(reservation);
            }
        });
        assert_eq!(together.into_inner(), 3, "the test must have met the limit");
    }
}
