//! Limits: what fits, what must wait and for how long, what is given back, and who is told.

mod concurrency;
mod model;

use std::time::Duration;

use cultivar_limits::rates::{
    AlertCrossed, Estimate, Exceeded, HolderId, LimitRefusal, Limits, RateWindow, Reservation, Spend, Wait,
};
use cultivar_record::{ApiKeyId, Budget, BudgetPeriod, Limit, MicroUsd, OrganizationId, Timestamp, TokenCount};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn after(moment: Timestamp, millis: u64) -> Timestamp {
    Timestamp::from_micros(moment.micros() + i64::try_from(millis).unwrap() * 1_000)
}

pub(super) fn key(number: u8) -> HolderId {
    HolderId::ApiKey(ApiKeyId::from_parts(Timestamp::from_micros(0), &[number; 32]))
}

fn organization() -> HolderId {
    HolderId::Organization(OrganizationId::from_parts(Timestamp::from_micros(0), &[1; 32]))
}

pub(super) const fn estimate(tokens: u64, cost: i64) -> Estimate {
    Estimate {
        tokens: TokenCount::new(tokens),
        cost: MicroUsd::new(cost),
    }
}

pub(super) fn rates(requests: Option<u64>, tokens: Option<u64>) -> Limit {
    Limit {
        requests_per_minute: requests,
        tokens_per_minute: tokens,
        budget: None,
    }
}

pub(super) fn budget(amount: i64, period: BudgetPeriod, alert_at_percent: &[u8]) -> Limit {
    Limit {
        budget: Some(Budget {
            amount: MicroUsd::new(amount),
            period,
            alert_at_percent: alert_at_percent.to_vec(),
        }),
        ..Limit::default()
    }
}

fn settle(reservation: Reservation, tokens: u64, cost: i64, now: Timestamp) -> Vec<AlertCrossed> {
    reservation.settle(TokenCount::new(tokens), MicroUsd::new(cost), now)
}

fn percents(alerts: &[AlertCrossed]) -> Vec<u8> {
    alerts.iter().map(|alert| alert.percent).collect()
}

const NOON: &str = "2026-11-24T12:00:00Z";

#[test]
fn nothing_is_taken_anywhere_where_one_holder_has_nothing_left() {
    let (limits, now) = (Limits::new(), at(NOON));
    let (wide, narrow) = (rates(Some(10), None), rates(Some(1), None));
    let both = [(key(1), &wide), (organization(), &narrow)];
    let _first = limits.reserve(&both, Estimate::default(), now).unwrap();
    for _ in 0..5 {
        let refusal = limits.reserve(&both, Estimate::default(), now).unwrap_err();
        assert_eq!(refusal.holder, organization());
        assert_eq!(refusal.wait, Wait::Millis(60_000));
    }
    let alone = limits.reserve(&[(key(1), &wide)], Estimate::default(), now).unwrap();
    assert_eq!(
        alone.state().requests.unwrap().remaining,
        8,
        "one with the other, one alone"
    );
}

#[test]
fn a_refusal_names_the_limit_that_opens_last() {
    let (limits, now) = (Limits::new(), at(NOON));
    let limit = Limit {
        requests_per_minute: Some(60),
        tokens_per_minute: Some(600),
        ..budget(1_000, BudgetPeriod::Day, &[])
    };
    let holders = [(key(1), &limit)];
    let reserve = |tokens, cost| limits.reserve(&holders, estimate(tokens, cost), now);
    let _held = reserve(500, 900).unwrap();
    let LimitRefusal {
        exceeded, wait, rate, ..
    } = *reserve(200, 100).unwrap_err();
    let requested = TokenCount::new(200);
    assert_eq!(
        exceeded,
        Exceeded::Tokens {
            limit: 600,
            remaining: 100,
            requested
        }
    );
    assert_eq!(wait, Wait::Millis(10_000));
    let reset = Duration::from_secs(1);
    assert_eq!(
        rate.requests,
        Some(RateWindow {
            limit: 60,
            remaining: 59,
            reset
        })
    );
    assert_eq!(rate.tokens.unwrap().reset, Duration::from_secs(50));

    let refusal = reserve(200, 101).unwrap_err();
    assert_eq!(refusal.wait, Wait::Millis(12 * 3_600_000), "until midnight");
    assert_eq!(
        refusal.to_string(),
        "the API key's budget of $0.001000 a day leaves $0.000100, and this request may cost $0.000101; \
         try again in 43200000 ms"
    );
    assert_eq!(reserve(601, 0).unwrap_err().wait, Wait::TooLarge);
    assert_eq!(reserve(0, 1_001).unwrap_err().wait, Wait::TooLarge);
}

#[test]
fn what_can_never_fit_is_said() {
    let (limits, now) = (Limits::new(), at(NOON));
    let (closed, ever) = (rates(Some(0), None), budget(10, BudgetPeriod::Total, &[]));
    let refusal = limits
        .reserve(&[(key(1), &closed)], Estimate::default(), now)
        .unwrap_err();
    assert_eq!(refusal.wait, Wait::TooLarge);
    let _held = limits.reserve(&[(key(2), &ever)], estimate(0, 6), now).unwrap();
    let refusal = limits.reserve(&[(key(2), &ever)], estimate(0, 6), now).unwrap_err();
    assert_eq!(refusal.wait, Wait::Never);
}

#[test]
fn a_dropped_reservation_gives_back_tokens_and_money_but_not_the_request() {
    let (limits, now) = (Limits::new(), at(NOON));
    let limit = Limit {
        requests_per_minute: Some(2),
        tokens_per_minute: Some(100),
        ..budget(100, BudgetPeriod::Month, &[])
    };
    let holders = [(key(1), &limit)];
    drop(limits.reserve(&holders, estimate(100, 100), now).unwrap());
    assert_eq!(limits.spend(key(1)), Some(Spend::default()));
    let second = limits.reserve(&holders, estimate(100, 100), now).unwrap();
    assert_eq!(second.state().requests.unwrap().remaining, 0);
    drop(second);
    let refusal = limits.reserve(&holders, estimate(1, 1), now).unwrap_err();
    assert_eq!(refusal.exceeded, Exceeded::Requests { limit: 2, remaining: 0 });
}

#[test]
fn more_than_the_estimate_is_owed_and_less_is_given_back() {
    let (limits, now) = (Limits::new(), at(NOON));
    let limit = rates(None, Some(600));
    let holders = [(key(1), &limit)];
    let reserve = |tokens, now| limits.reserve(&holders, estimate(tokens, 0), now);
    settle(reserve(100, now).unwrap(), 700, 0, now);
    let refusal = reserve(0, now).unwrap_err();
    assert_eq!(refusal.wait, Wait::Millis(10_000), "100 tokens are owed");
    let later = after(now, 70_000);
    settle(reserve(600, later).unwrap(), 100, 0, later);
    assert_eq!(reserve(0, later).unwrap().state().tokens.unwrap().remaining, 500);
}

#[test]
fn every_threshold_is_told_once_in_each_period() {
    let limits = Limits::new();
    let limit = budget(1_000, BudgetPeriod::Day, &[50, 80, 100]);
    let holders = [(key(1), &limit)];
    let spend = |cost, now| settle(limits.reserve(&holders, estimate(0, cost), now).unwrap(), 0, cost, now);
    let now = at(NOON);
    assert!(spend(499, now).is_empty());
    let alerts = spend(1, now);
    assert_eq!(percents(&alerts), [50]);
    let [alert] = alerts[..] else { panic!() };
    assert_eq!(
        (alert.spent, alert.amount, alert.period_start),
        (MicroUsd::new(500), MicroUsd::new(1_000), at("2026-11-24T00:00:00Z"))
    );
    assert!(spend(10, now).is_empty());
    assert_eq!(percents(&spend(490, now)), [80, 100]);
    let tomorrow = at("2026-11-25T00:00:00Z");
    assert_eq!(percents(&spend(800, tomorrow)), [50, 80]);
}

#[test]
fn a_call_belongs_to_the_period_in_which_it_was_reserved() {
    let limits = Limits::new();
    let limit = budget(100, BudgetPeriod::Day, &[]);
    let holders = [(key(1), &limit)];
    let late = limits
        .reserve(&holders, estimate(0, 100), at("2026-11-24T23:59:59Z"))
        .unwrap();
    let morning = at("2026-11-25T00:00:01Z");
    let whole = limits.reserve(&holders, estimate(0, 100), morning).unwrap();
    settle(late, 0, 100, morning);
    let (spent, reserved) = (MicroUsd::new(0), MicroUsd::new(100));
    assert_eq!(limits.spend(key(1)), Some(Spend { spent, reserved }));
    settle(whole, 0, 40, morning);
    let _rest = limits.reserve(&holders, estimate(0, 60), morning).unwrap();
    // A thread that read its clock before midnight comes last: yesterday does not come back.
    let refusal = limits.reserve(&holders, estimate(0, 1), at("2026-11-24T23:59:59.999999Z"));
    assert!(matches!(refusal.unwrap_err().exceeded, Exceeded::Budget { .. }));
}

#[test]
fn what_was_spent_before_this_process_counts_and_was_told() {
    let limits = Limits::new();
    let limit = budget(1_000, BudgetPeriod::Month, &[50, 90]);
    let holders = [(key(1), &limit)];
    limits.restore_spend(key(1), at("2026-11-01T00:00:00Z"), MicroUsd::new(600));
    let now = at(NOON);
    assert!(limits.reserve(&holders, estimate(0, 401), now).is_err());
    let rest = limits.reserve(&holders, estimate(0, 400), now).unwrap();
    assert_eq!(percents(&settle(rest, 0, 400, now)), [90], "50 was told before");

    limits.restore_spend(key(2), at("2026-10-01T00:00:00Z"), MicroUsd::new(1_000));
    let _fresh = limits.reserve(&[(key(2), &limit)], estimate(0, 1_000), now).unwrap();
}

#[test]
fn limits_change_while_calls_are_under_way() {
    let (limits, now) = (Limits::new(), at(NOON));
    let (none, money) = (Limit::default(), budget(100, BudgetPeriod::Total, &[50]));
    let before = limits.reserve(&[(key(1), &none)], estimate(1_000, 80), now).unwrap();
    let refusal = limits.reserve(&[(key(1), &money)], estimate(0, 21), now);
    assert!(refusal.is_err(), "what is under way counts in a new budget");
    assert_eq!(percents(&settle(before, 10, 50, now)), [50]);
    let _rest = limits.reserve(&[(key(1), &money)], estimate(0, 50), now).unwrap();
    let tokens = rates(None, Some(10));
    let fresh = limits.reserve(&[(key(1), &tokens)], estimate(10, 0), now).unwrap();
    assert_eq!(fresh.state().tokens.unwrap().remaining, 0);
}

#[test]
fn a_holder_named_twice_counts_once() {
    let (limits, now) = (Limits::new(), at(NOON));
    let limit = rates(Some(2), None);
    let twice = [(key(1), &limit), (key(1), &limit)];
    for remaining in [1, 0] {
        let reservation = limits.reserve(&twice, Estimate::default(), now).unwrap();
        assert_eq!(reservation.state().requests.unwrap().remaining, remaining);
    }
}
