//! Circuit breakers and the order of candidates, under any sequence of events.

use cultivar_limits::health::{
    Admission, Attempt, Breaker, BreakerState, Health, HealthBoard, Latency, Outcome, order,
};
use cultivar_record::{ProviderId, Seed, Timestamp};
use proptest::{collection::vec, prelude::*};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + millis * 1_000)
}

fn admitted(breaker: &mut Breaker, millis: i64) -> Attempt {
    match breaker.admit(at(millis)) {
        Admission::Admitted(attempt) => attempt,
        Admission::Refused { until } => panic!("refused until {until} at {}", at(millis)),
    }
}

fn end(breaker: &mut Breaker, millis: i64, outcome: Outcome) {
    let attempt = admitted(breaker, millis);
    breaker.record(attempt, outcome, at(millis));
}

/// How long the breaker stays open from this moment, in milliseconds.
fn pause(breaker: &Breaker, millis: i64) -> u64 {
    match breaker.state() {
        BreakerState::Open { until } => until.millis_since(at(millis)),
        state => panic!("{state:?}"),
    }
}

fn is_closed(breaker: &Breaker) -> bool {
    matches!(breaker.state(), BreakerState::Closed { .. })
}

#[test]
fn five_failures_in_a_row_open_it() {
    let mut breaker = Breaker::new(Seed::new(1));
    for _ in 0..3 {
        (0..4).for_each(|_| end(&mut breaker, 0, Outcome::Failed));
        end(&mut breaker, 0, Outcome::Answered);
    }
    assert!(is_closed(&breaker));
    (0..4).for_each(|_| end(&mut breaker, 0, Outcome::Failed));
    end(&mut breaker, 0, Outcome::Abandoned);
    assert!(is_closed(&breaker), "who leaves says nothing about the provider");
    end(&mut breaker, 0, Outcome::Failed);
    assert!(!is_closed(&breaker));
}

#[test]
fn failing_every_other_call_opens_it_but_only_within_the_window() {
    let fail_half = |every_ms: i64| {
        let mut breaker = Breaker::new(Seed::new(1));
        for call in 0..40 {
            let outcome = if call % 2 == 1 {
                Outcome::Failed
            } else {
                Outcome::Answered
            };
            end(&mut breaker, call * every_ms, outcome);
            if !is_closed(&breaker) {
                return Some(call + 1);
            }
        }
        None
    };
    assert_eq!(
        fail_half(10),
        Some(20),
        "with the twentieth call the share means something"
    );
    assert_eq!(fail_half(1_000), Some(20));
    assert_eq!(fail_half(3_000), None, "never twenty within thirty seconds");
}

#[test]
fn pauses_double_up_to_a_minute_with_jitter_and_begin_anew_after_recovery() {
    let mut breaker = Breaker::new(Seed::new(3));
    let mut now = 0;
    (0..5).for_each(|_| end(&mut breaker, 0, Outcome::Failed));
    for whole in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        let pause = pause(&breaker, now);
        assert!((whole / 2..=whole).contains(&pause), "{pause} of {whole}");
        now += i64::try_from(pause).unwrap() + 1;
        end(&mut breaker, now, Outcome::Failed);
    }
    now += 60_001;
    end(&mut breaker, now, Outcome::Answered);
    assert!(is_closed(&breaker));
    // Failing again at once is a relapse: the pause does not become short again.
    (0..5).for_each(|_| end(&mut breaker, now + 1_000, Outcome::Failed));
    assert!(pause(&breaker, now + 1_000) >= 30_000);
    now += 62_000;
    end(&mut breaker, now, Outcome::Answered);
    now += 60_000;
    (0..5).for_each(|_| end(&mut breaker, now, Outcome::Failed));
    assert!(pause(&breaker, now) <= 1_000, "it had recovered");
}

#[test]
fn jitter_differs_between_seeds_and_follows_from_them() {
    let first_pause = |seed| {
        let mut breaker = Breaker::new(Seed::new(seed));
        (0..5).for_each(|_| end(&mut breaker, 0, Outcome::Failed));
        pause(&breaker, 0)
    };
    let pauses: std::collections::HashSet<u64> = (0..100).map(first_pause).collect();
    assert!(pauses.len() > 50);
    assert_eq!(first_pause(7), first_pause(7));
}

#[test]
fn a_probe_that_nobody_ends_is_given_up() {
    let mut breaker = Breaker::new(Seed::new(1));
    (0..5).for_each(|_| end(&mut breaker, 0, Outcome::Failed));
    let lost = admitted(&mut breaker, 1_001);
    assert!(matches!(breaker.admit(at(61_000)), Admission::Refused { .. }));
    let probe = admitted(&mut breaker, 61_001);
    breaker.record(lost, Outcome::Failed, at(61_002));
    breaker.record(probe, Outcome::Answered, at(61_003));
    assert!(is_closed(&breaker), "the lost probe came too late to count");
}

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Admit,
    End(usize, Outcome),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Failed),
        2 => Just(Outcome::Answered),
        1 => Just(Outcome::Abandoned),
    ];
    prop_oneof![
        (0..3_000_i64).prop_map(Step::Wait),
        (0..90_000_i64).prop_map(Step::Wait),
        Just(Step::Admit),
        Just(Step::Admit),
        Just(Step::Admit),
        (any::<usize>(), outcome.clone()).prop_map(|(which, outcome)| Step::End(which, outcome)),
        (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::End(which, outcome)),
    ]
}

/// What must hold of every transition, whatever came before.
fn check(before: BreakerState, after: BreakerState, event: &str, now: Timestamp) -> Result<(), TestCaseError> {
    use BreakerState::{Closed, HalfOpen, Open};
    let allowed = match (before, after, event) {
        (Closed { .. }, _, "refused") | (Open { .. }, Closed { .. }, _) => false,
        (_, _, "wait") | (Closed { .. }, Closed { .. }, _) => before == after,
        // Only a failure opens; only asking after the pause makes it half-open; only an answer closes it.
        (Closed { .. }, Open { until }, "failed") => until > now,
        (HalfOpen { .. }, Open { until }, "failed" | "abandoned") => until >= now,
        (Open { until }, HalfOpen { since }, "admitted") => until <= now && since == now,
        (Open { until }, Open { until: still }, "refused") => until == still && now < until,
        (HalfOpen { .. }, Closed { .. }, "answered") => true,
        (HalfOpen { since }, HalfOpen { since: again }, "admitted") => {
            now.millis_since(since) >= 60_000 && again == now
        }
        (Open { .. }, Open { .. }, _) | (HalfOpen { .. }, HalfOpen { .. }, _) => before == after && event != "admitted",
        _ => false,
    };
    prop_assert!(allowed, "{:?} to {:?} by {} at {}", before, after, event, now);
    Ok(())
}

proptest! {
    #[test]
    fn every_transition_is_one_of_the_picture(seed in any::<u64>(), steps in vec(step(), 1..200)) {
        let mut breaker = Breaker::new(Seed::new(seed));
        let (mut now, mut open, mut failures) = (0_i64, Vec::new(), 0);
        for step in steps {
            let before = breaker.state();
            let event = match step {
                Step::Wait(millis) => {
                    now += millis;
                    "wait"
                }
                Step::Admit => match breaker.admit(at(now)) {
                    Admission::Admitted(attempt) => {
                        open.push(attempt);
                        "admitted"
                    }
                    Admission::Refused { until } => {
                        prop_assert!(until > at(now), "refused until {}, which is over", until);
                        "refused"
                    }
                },
                Step::End(_, _) if open.is_empty() => "wait",
                Step::End(which, outcome) => {
                    let attempt = open.swap_remove(which % open.len());
                    breaker.record(attempt, outcome, at(now));
                    failures += u32::from(outcome == Outcome::Failed);
                    match outcome {
                        Outcome::Failed => "failed",
                        Outcome::Answered => "answered",
                        Outcome::Abandoned => "abandoned",
                    }
                }
            };
            check(before, breaker.state(), event, at(now))?;
            prop_assert!(failures >= 5 || is_closed(&breaker), "it opened after {} failures", failures);
        }
        // Whatever happened, somebody is admitted a minute later, and one answer then closes the breaker.
        let later = now + 60_001;
        end(&mut breaker, later, Outcome::Answered);
        prop_assert!(is_closed(&breaker));
    }

    #[test]
    fn while_it_is_half_open_there_is_one_probe(seed in any::<u64>(), callers in 1..50_i64) {
        let mut breaker = Breaker::new(Seed::new(seed));
        (0..5).for_each(|_| end(&mut breaker, 0, Outcome::Failed));
        let answers = (0..callers).map(|caller| breaker.admit(at(2_000 + caller)));
        let probes = answers.filter(|answer| matches!(answer, Admission::Admitted(_))).count();
        prop_assert_eq!(probes, 1);
    }

    /// What began before the breaker opened says nothing about the provider afterwards.
    #[test]
    fn late_outcomes_change_nothing(outcomes in vec(prop_oneof![Just(Outcome::Failed), Just(Outcome::Answered)], 1..20)) {
        let mut breaker = Breaker::new(Seed::new(1));
        let late: Vec<Attempt> = outcomes.iter().map(|_| admitted(&mut breaker, 0)).collect();
        (0..5).for_each(|_| end(&mut breaker, 0, Outcome::Failed));
        let open = breaker.state();
        late.iter().zip(&outcomes).for_each(|(attempt, outcome)| breaker.record(*attempt, *outcome, at(1)));
        prop_assert_eq!(breaker.state(), open);
        let probe = admitted(&mut breaker, 1_001);
        let half_open = breaker.state();
        late.iter().zip(&outcomes).for_each(|(attempt, outcome)| breaker.record(*attempt, *outcome, at(1_002)));
        prop_assert_eq!(breaker.state(), half_open);
        breaker.record(probe, Outcome::Answered, at(1_003));
        prop_assert!(is_closed(&breaker));
    }

    /// The order is a permutation; those who are not slow keep their order among themselves, and so do those who are.
    #[test]
    fn the_order_leaves_nobody_out(latencies in vec(1.0..5_000.0_f64, 0..8)) {
        let latencies: Vec<Latency> = latencies.iter().map(|millis| steady(*millis, 0)).collect();
        let order = order(&latencies.iter().collect::<Vec<_>>(), at(0));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..latencies.len()).collect::<Vec<_>>());
        let descents = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
        prop_assert!(descents <= 1, "{:?}", order);
        // The fastest is never slow: nobody before it in the order is slower by the ratio and was moved there.
        let fastest = |a: &usize, b: &usize| {
            latencies[*a].average_ms().unwrap().total_cmp(&latencies[*b].average_ms().unwrap())
        };
        if let Some(fastest) = (0..latencies.len()).min_by(fastest) {
            let place = order.iter().position(|index| *index == fastest).unwrap();
            prop_assert!(place <= fastest);
        }
    }
}

/// A provider that has answered ten times with this latency, the last time at this moment.
fn steady(millis: f64, last: i64) -> Latency {
    let mut latency = Latency::default();
    (0..10).for_each(|sample| latency.observe(millis, at(last - 9 + sample)));
    latency
}

fn order_of(latencies: &[Latency], millis: i64) -> Vec<usize> {
    order(&latencies.iter().collect::<Vec<_>>(), at(millis))
}

#[test]
fn a_peak_counts_at_once_and_fades() {
    let mut latency = steady(100.0, 0);
    latency.observe(2_000.0, at(1));
    assert!((latency.average_ms().unwrap() - 2_000.0).abs() < 1e-9);
    latency.observe(100.0, at(10_001));
    let expected = 1_900.0f64.mul_add((-1.0f64).exp(), 100.0);
    assert!((latency.average_ms().unwrap() - expected).abs() < 1e-6);
    latency.observe(f64::NAN, at(10_002));
    latency.observe(-1.0, at(10_002));
    assert!((latency.average_ms().unwrap() - expected).abs() < 1e-6);
}

#[test]
fn who_is_slow_in_comparison_comes_last_for_a_while() {
    let (fast, slow) = (steady(200.0, 0), steady(2_000.0, 0));
    assert_eq!(order_of(&[slow, fast, fast], 0), [1, 2, 0]);
    assert_eq!(order_of(&[slow, fast, fast], 30_000), [1, 2, 0]);
    assert_eq!(
        order_of(&[slow, fast, fast], 30_001),
        [0, 1, 2],
        "it is tried again in its place"
    );
    assert_eq!(order_of(&[slow, slow], 0), [0, 1], "all slow is nobody slow");
    assert_eq!(
        order_of(&[steady(500.0, 0), fast], 0),
        [0, 1],
        "two and a half times is no outlier"
    );
    assert_eq!(
        order_of(&[steady(50.0, 0), steady(1.0, 0)], 0),
        [0, 1],
        "fifty times nothing is nothing"
    );
    assert_eq!(order_of(&[slow], 0), [0]);
    assert_eq!(
        order_of(&[slow, Latency::default()], 0),
        [0, 1],
        "nobody to compare with"
    );
}

#[test]
fn the_board_keeps_each_provider_apart() {
    let board = HealthBoard::new(Seed::new(1));
    let provider = |number: u8| ProviderId::from_parts(at(0), &[number; 32]);
    assert!(board.look(provider(1)).is_none());
    let ask = |number, outcome, millis| match board.admit(provider(number), at(0)) {
        Admission::Admitted(attempt) => board.record(provider(number), attempt, outcome, millis, at(0)),
        Admission::Refused { .. } => panic!(),
    };
    (0..5).for_each(|_| ask(1, Outcome::Failed, None));
    (0..5).for_each(|_| ask(2, Outcome::Answered, Some(900.0)));
    (0..5).for_each(|_| ask(3, Outcome::Answered, Some(90.0)));
    assert!(matches!(board.admit(provider(1), at(1)), Admission::Refused { .. }));
    assert!(matches!(board.admit(provider(2), at(1)), Admission::Admitted(_)));
    assert_eq!(board.order(&[provider(1), provider(2), provider(3)], at(1)), [0, 2, 1]);
    let health: Health = board.look(provider(2)).unwrap();
    assert!(is_closed(&health.breaker));
}
