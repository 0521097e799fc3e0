//! Limits against a model that remembers every event and adds them up anew for each question.

use std::collections::BTreeMap;

use cultivar_limits::rates::{Exceeded, HolderId, Limits, Reservation, Wait};
use cultivar_record::{Budget, BudgetPeriod, Limit, MicroUsd, Timestamp, TokenCount};
use proptest::{collection::vec, option, prelude::*};

use super::{after, at, estimate, key};

const MINUTE: i128 = 60_000_000;
const DAY: i64 = 86_400_000_000;

/// What happened at one holder. Times are microseconds; amounts are requests or tokens.
#[derive(Default)]
struct History {
    requests: Vec<(i64, i128)>,
    tokens: Vec<(i64, i128)>,
    /// Reserved at, estimated cost, and the actual cost once settled (zero where dropped).
    money: BTreeMap<usize, (i64, i64, Option<i64>)>,
}

/// The level of a bucket that begins full: free units times the microseconds of a minute.
fn level(events: &[(i64, i128)], per_minute: u64, now: i64) -> i128 {
    let capacity = i128::from(per_minute) * MINUTE;
    let (mut level, mut last) = (capacity, 0);
    for (time, amount) in events.iter().copied().chain([(now, 0)]) {
        level = (level + i128::from(time - last) * i128::from(per_minute)).min(capacity);
        level = (level - amount * MINUTE).min(capacity);
        last = time;
    }
    level
}

impl History {
    /// Spent and reserved in the period around `now`.
    fn money(&self, period: BudgetPeriod, now: i64) -> (i64, i64) {
        let same = |time: i64| period == BudgetPeriod::Total || time / DAY == now / DAY;
        let calls = self.money.values().filter(|(time, ..)| same(*time));
        calls.fold((0, 0), |(spent, reserved), (_, estimate, actual)| match actual {
            Some(actual) => (spent + actual, reserved),
            None => (spent, reserved + estimate),
        })
    }

    fn admits(&self, limit: &Limit, tokens: u64, cost: i64, now: i64) -> bool {
        let requests = limit
            .requests_per_minute
            .is_none_or(|rate| level(&self.requests, rate, now) >= MINUTE);
        let needed = i128::from(tokens) * MINUTE;
        let tokens = limit
            .tokens_per_minute
            .is_none_or(|rate| level(&self.tokens, rate, now) >= needed);
        let money = limit.budget.as_ref().is_none_or(|budget| {
            let (spent, reserved) = self.money(budget.period, now);
            spent + reserved + cost <= budget.amount.get()
        });
        requests && tokens && money
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Reserve {
        who: u8,
        tokens: u64,
        cost: i64,
        patient: bool,
    },
    Settle {
        which: usize,
        tokens: u64,
        cost: i64,
    },
    Drop {
        which: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..40_000_000_i64).prop_map(Step::Wait),
        1 => (0..2 * DAY).prop_map(Step::Wait),
        6 => (1..8_u8, 0..60_u64, 0..60_i64, any::<bool>())
            .prop_map(|(who, tokens, cost, patient)| Step::Reserve { who, tokens, cost, patient }),
        4 => (any::<usize>(), 0..90_u64, 0..90_i64)
            .prop_map(|(which, tokens, cost)| Step::Settle { which, tokens, cost }),
        1 => any::<usize>().prop_map(|which| Step::Drop { which }),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    let period = prop_oneof![Just(BudgetPeriod::Day), Just(BudgetPeriod::Total)];
    let budget = (50..400_i64, period).prop_map(|(amount, period)| Budget {
        amount: MicroUsd::new(amount),
        period,
        alert_at_percent: Vec::new(),
    });
    (option::of(1..7_u64), option::of(30..150_u64), option::of(budget)).prop_map(|(requests, tokens, budget)| Limit {
        requests_per_minute: requests,
        tokens_per_minute: tokens,
        budget,
    })
}

struct World {
    limits: Limits,
    holders: Vec<(HolderId, Limit)>,
    histories: Vec<History>,
    open: Vec<(usize, u8, u64, Reservation)>,
    calls: usize,
    now: Timestamp,
}

impl World {
    fn named(&self, who: u8) -> Vec<usize> {
        (0..self.holders.len())
            .filter(|index| who & (1 << index) != 0)
            .collect()
    }

    /// Asks both; `Some` where both refuse.
    fn reserve(&mut self, who: u8, tokens: u64, cost: i64, now: Timestamp) -> Option<Wait> {
        let named = self.named(who);
        let expected = named
            .iter()
            .all(|index| self.histories[*index].admits(&self.holders[*index].1, tokens, cost, now.micros()));
        let holders: Vec<(HolderId, &Limit)> = named
            .iter()
            .map(|index| (self.holders[*index].0, &self.holders[*index].1))
            .collect();
        let answer = self.limits.reserve(&holders, estimate(tokens, cost), now);
        assert_eq!(answer.is_ok(), expected, "{answer:?}");
        match answer {
            Ok(reservation) => {
                self.calls += 1;
                for index in named {
                    let history = &mut self.histories[index];
                    history.requests.push((now.micros(), 1));
                    history.tokens.push((now.micros(), i128::from(tokens)));
                    history.money.insert(self.calls, (now.micros(), cost, None));
                }
                self.compare_state(who, &reservation, now);
                self.open.push((self.calls, who, tokens, reservation));
                None
            }
            Err(refusal) => {
                let index = self
                    .holders
                    .iter()
                    .position(|(holder, _)| *holder == refusal.holder)
                    .unwrap();
                let (history, limit) = (&self.histories[index], &self.holders[index].1);
                // The limit that is named is one that refuses by itself.
                let alone = match refusal.exceeded {
                    Exceeded::Requests { limit, .. } => super::rates(Some(limit), None),
                    Exceeded::Tokens { limit, .. } => super::rates(None, Some(limit)),
                    Exceeded::Budget { .. } => Limit {
                        budget: limit.budget.clone(),
                        ..Limit::default()
                    },
                };
                assert!(!history.admits(&alone, tokens, cost, now.micros()), "{refusal:?}");
                Some(refusal.wait)
            }
        }
    }

    /// The least of what the model has left is what the caller is told.
    fn compare_state(&self, who: u8, reservation: &Reservation, now: Timestamp) {
        let least = |events: fn(&History) -> &Vec<(i64, i128)>, rate: fn(&Limit) -> Option<u64>| {
            let named = self.named(who).into_iter();
            let levels = named.filter_map(|index| {
                let rate = rate(&self.holders[index].1)?;
                Some(level(events(&self.histories[index]), rate, now.micros()).max(0) / MINUTE)
            });
            levels.min()
        };
        let state = reservation.state();
        let told = |window: Option<cultivar_limits::rates::RateWindow>| window.map(|w| i128::from(w.remaining));
        assert_eq!(told(state.requests), least(|h| &h.requests, |l| l.requests_per_minute));
        assert_eq!(told(state.tokens), least(|h| &h.tokens, |l| l.tokens_per_minute));
    }

    /// A refused call goes through after exactly the wait it was told, and not a millisecond earlier.
    fn wait_for(&mut self, who: u8, tokens: u64, cost: i64, wait: Wait) {
        match wait {
            Wait::Millis(millis) => {
                assert!(millis > 0);
                let early = self.reserve(who, tokens, cost, after(self.now, millis - 1));
                assert!(early.is_some(), "it went through a millisecond before {millis}");
                self.now = after(self.now, millis);
            }
            Wait::Never | Wait::TooLarge => {
                self.now = after(self.now, 100_000_000_000);
                assert!(self.reserve(who, tokens, cost, self.now).is_some());
                return;
            }
        }
        assert!(
            self.reserve(who, tokens, cost, self.now).is_none(),
            "it did not go through after {wait:?}"
        );
    }

    fn end(&mut self, which: usize, actual: Option<(u64, i64)>) {
        if self.open.is_empty() {
            return;
        }
        let (call, who, reserved, reservation) = self.open.swap_remove(which % self.open.len());
        let (tokens, cost) = actual.unwrap_or((0, 0));
        match actual {
            Some(_) => drop(reservation.settle(TokenCount::new(tokens), MicroUsd::new(cost), self.now)),
            None => drop(reservation),
        }
        for index in self.named(who) {
            let history = &mut self.histories[index];
            let difference = i128::from(tokens) - i128::from(reserved);
            history.tokens.push((self.now.micros(), difference));
            history.money.get_mut(&call).unwrap().2 = Some(cost);
        }
    }

    fn compare_money(&mut self) {
        for (index, (holder, limit)) in self.holders.iter().enumerate() {
            let Some(budget) = &limit.budget else { continue };
            // Asking for nothing brings the period up to date; it is dropped at once.
            let mut only = limit.clone();
            (only.requests_per_minute, only.tokens_per_minute) = (None, None);
            drop(self.limits.reserve(&[(*holder, &only)], estimate(0, 0), self.now));
            let spend = self.limits.spend(*holder).unwrap();
            let expected = self.histories[index].money(budget.period, self.now.micros());
            assert_eq!((spend.spent.get(), spend.reserved.get()), expected);
        }
    }
}

proptest! {
    #[test]
    fn limits_do_what_the_model_does(limits in vec(limit(), 3), steps in vec(step(), 1..60)) {
        let mut world = World {
            limits: Limits::new(),
            holders: limits.into_iter().enumerate().map(|(i, limit)| (key(u8::try_from(i).unwrap()), limit)).collect(),
            histories: (0..3).map(|_| History::default()).collect(),
            open: Vec::new(),
            calls: 0,
            now: at(super::NOON),
        };
        for step in steps {
            match step {
                Step::Wait(micros) => world.now = Timestamp::from_micros(world.now.micros() + micros),
                Step::Reserve { who, tokens, cost, patient } => {
                    let wait = world.reserve(who, tokens, cost, world.now);
                    if let Some(wait) = wait.filter(|_| patient) {
                        world.wait_for(who, tokens, cost, wait);
                    }
                }
                Step::Settle { which, tokens, cost } => world.end(which, Some((tokens, cost))),
                Step::Drop { which } => world.end(which, None),
            }
            world.compare_money();
        }
    }
}
