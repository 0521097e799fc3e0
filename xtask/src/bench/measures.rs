//! What is reported of each subject, from which loads, and what our door is held to.

use std::time::Duration;

use super::{
    figures::{greatest, least, median},
    mock,
    report::Row,
    subject::Name,
    turns::{Kind, Measured, Window, per_answer_us, rate},
};

/// One figure of every subject.
struct Measure {
    row: &'static str,
    unit: &'static str,
    /// The figure, from what was measured of the subject and of the mock itself.
    of: fn(&Measured, Option<&Measured>) -> Option<f64>,
    goals: &'static [Goal],
}

/// What our door is held to.
#[derive(Clone, Copy)]
enum Goal {
    AtMost(f64),
    Under(f64),
    /// So many times a peer's figure, at least.
    Times(f64, Name),
}

const ONE: Kind = Kind {
    callers: 1,
    stream: false,
};
const SIXTEEN: Kind = Kind {
    callers: 16,
    stream: false,
};
const THIRTY_TWO: Kind = Kind {
    callers: 32,
    stream: false,
};
const STREAMS: Kind = Kind {
    callers: 8,
    stream: true,
};
const ONE_STREAM: Kind = Kind {
    callers: 1,
    stream: true,
};

/// All of them, in the order of the table. Of the rounds the best is kept unless the row says otherwise.
const MEASURES: [Measure; 20] = [
    Measure {
        row: "CPU per request, 16 and 32 callers",
        unit: "us",
        of: |own, _| cpu_of_rounds(own),
        goals: &[Goal::AtMost(30.0)],
    },
    Measure {
        row: "CPU per request, 1 caller",
        unit: "us",
        of: |own, _| least(own.of(ONE).map(cpu_per_answer)),
        goals: &[],
    },
    Measure {
        row: "requests per second, 1 caller",
        unit: "/s",
        of: |own, _| best_rate(own, &[ONE]),
        goals: &[],
    },
    Measure {
        row: "requests per second, 16 callers",
        unit: "/s",
        of: |own, _| best_rate(own, &[SIXTEEN]),
        goals: &[],
    },
    Measure {
        row: "requests per second, 32 callers",
        unit: "/s",
        of: |own, _| best_rate(own, &[THIRTY_TWO]),
        goals: &[],
    },
    Measure {
        row: "requests per second, best of 16 and 32",
        unit: "/s",
        of: |own, _| best_rate(own, &[SIXTEEN, THIRTY_TWO]),
        goals: &[Goal::Times(0.7, Name::Nginx), Goal::Times(3.0, Name::Tensorzero)],
    },
    Measure {
        row: "p50, 32 callers",
        unit: "ms",
        of: |own, _| best_ms(own, THIRTY_TWO, p50),
        goals: &[],
    },
    Measure {
        row: "p99, 32 callers",
        unit: "ms",
        of: |own, _| best_ms(own, THIRTY_TWO, p99),
        goals: &[],
    },
    Measure {
        row: "added p50, 1 caller",
        unit: "ms",
        of: |own, direct| Some(best_ms(own, ONE, p50)? - best_ms(direct?, ONE, p50)?),
        goals: &[Goal::Under(0.1)],
    },
    Measure {
        row: "added p50, 1 caller, median round",
        unit: "ms",
        of: |own, direct| Some(median_ms(own, ONE, p50)? - median_ms(direct?, ONE, p50)?),
        goals: &[],
    },
    Measure {
        row: "added p99, 1 caller",
        unit: "ms",
        of: |own, direct| Some(best_ms(own, ONE, p99)? - best_ms(direct?, ONE, p99)?),
        goals: &[Goal::Under(1.0)],
    },
    Measure {
        row: "added p99, 1 caller, median round",
        unit: "ms",
        of: |own, direct| Some(median_ms(own, ONE, p99)? - median_ms(direct?, ONE, p99)?),
        goals: &[],
    },
    Measure {
        row: "CPU per stream, 8 callers",
        unit: "us",
        of: |own, _| least(own.of(STREAMS).map(cpu_per_answer)),
        goals: &[],
    },
    Measure {
        row: "CPU per stream event, 8 callers",
        unit: "us",
        of: |own, _| Some(least(own.of(STREAMS).map(cpu_per_answer))? / count(mock::EVENTS as u64)),
        goals: &[Goal::AtMost(10.0)],
    },
    Measure {
        row: "streams per second, 8 callers",
        unit: "/s",
        of: |own, _| best_rate(own, &[STREAMS]),
        goals: &[],
    },
    Measure {
        row: "whole stream p50, 8 callers",
        unit: "ms",
        of: |own, _| best_ms(own, STREAMS, p50),
        goals: &[],
    },
    Measure {
        row: "whole stream p99.9, 1 caller",
        unit: "ms",
        of: |own, _| best_ms(own, ONE_STREAM, |window| window.met.latency.p999_us),
        goals: &[Goal::Under(5.0)],
    },
    Measure {
        row: "slowest stream, 1 caller",
        unit: "ms",
        of: |own, _| best_ms(own, ONE_STREAM, |window| window.met.latency.max_us),
        goals: &[],
    },
    Measure {
        row: "resident, most after a load",
        unit: "MB",
        of: |own, _| greatest(own.windows.iter().map(|window| megabytes(window.memory.now_kib))),
        goals: &[],
    },
    Measure {
        row: "resident, highest ever",
        unit: "MB",
        of: |own, _| greatest(own.windows.iter().map(|window| megabytes(window.memory.peak_kib))),
        goals: &[Goal::Under(60.0)],
    },
];

/// The row of requests that had no good answer.
const FAILED: &str = "requests without a good answer";

/// All rows: one for each subject and measure, beside nginx where it ran, and one more for each other peer in a goal.
pub(super) fn rows(measured: &[Measured], command: &str) -> Vec<Row> {
    let direct = measured.iter().find(|each| each.name == Name::Direct);
    let mut rows = Vec::new();
    for measure in &MEASURES {
        let value = |name: Name| {
            let own = measured.iter().find(|each| each.name == name)?;
            (measure.of)(own, direct).filter(|value| value.is_finite())
        };
        for own in measured {
            let Some(found) = value(own.name) else { continue };
            let mut row = Row::new(measure.row, own.name, found, measure.unit, command);
            row.compare(Name::Nginx, value(Name::Nginx));
            if own.name != Name::Cultivar {
                rows.push(row);
                continue;
            }
            let goals = measure.goals.iter().map(|goal| goal.judged(&row, value));
            let goals: Vec<Row> = goals.collect();
            // A goal that is a peer's figure says that peer; where none is nginx's, the row beside nginx stands too.
            if !goals.iter().any(|goal| goal.peer == row.peer) {
                rows.push(row);
            }
            rows.extend(goals);
        }
    }
    for own in measured {
        let mut row = Row::new(FAILED, own.name, count(own.failed()), "", command);
        if own.name == Name::Cultivar {
            row = Goal::AtMost(0.0).judged(&row, |_| None);
        }
        rows.push(row);
    }
    rows
}

/// The row of answers that our record lacks.
pub(super) fn lost(answers: u64, command: &str) -> Row {
    let row = Row::new(
        "answers that are not in the record",
        Name::Cultivar,
        count(answers),
        "",
        command,
    );
    Goal::AtMost(0.0).judged(&row, |_| None)
}

impl Goal {
    /// The row with this goal, and whether it holds: `None` where the peer did not run.
    fn judged(self, row: &Row, value_of: impl Fn(Name) -> Option<f64>) -> Row {
        let mut row = row.clone();
        let (goal, holds) = match self {
            Self::AtMost(most) => (format!("at most {most}"), Some(row.value <= most)),
            Self::Under(limit) => (format!("under {limit}"), Some(row.value < limit)),
            Self::Times(times, peer) => {
                (row.peer, row.peer_value, row.ratio) = (None, None, None);
                row.compare(peer, value_of(peer));
                let holds = row.ratio.map(|ratio| ratio >= times);
                (format!("at least {times} times {}", peer.text()), holds)
            }
        };
        row.goal = Some(goal);
        row.holds = holds;
        row
    }
}

/// What the load generator itself costs, so that one sees whether it stands in the way.
pub(super) fn own_cost(measured: &[Measured]) -> Option<String> {
    let direct = measured.iter().find(|each| each.name == Name::Direct)?;
    let windows = direct
        .of(SIXTEEN)
        .chain(direct.of(THIRTY_TWO))
        .filter(|window| answered(window));
    let own = least(windows.map(|window| window.met.own_cpu_seconds * 1e6 / count(window.met.answered)))?;
    Some(format!(
        "the load generator itself uses {own:.1} us of processor time per request"
    ))
}

fn best_rate(own: &Measured, kinds: &[Kind]) -> Option<f64> {
    greatest(
        kinds
            .iter()
            .flat_map(|kind| own.of(*kind))
            .map(|window| rate(&window.met)),
    )
}

fn answered(window: &Window) -> bool {
    window.met.answered > 0
}

fn best_ms(own: &Measured, kind: Kind, of: fn(&Window) -> f64) -> Option<f64> {
    least(own.of(kind).filter(|window| answered(window)).map(of)).map(|us| us / 1_000.0)
}

fn median_ms(own: &Measured, kind: Kind, of: fn(&Window) -> f64) -> Option<f64> {
    median(own.of(kind).filter(|window| answered(window)).map(of)).map(|us| us / 1_000.0)
}

fn p50(window: &Window) -> f64 {
    window.met.latency.p50_us
}

fn p99(window: &Window) -> f64 {
    window.met.latency.p99_us
}

fn cpu_per_answer(window: &Window) -> f64 {
    per_answer_us(window.cpu, &window.met)
}

/// The least of the rounds; in each both loads together, for the clock ticks are coarse.
fn cpu_of_rounds(own: &Measured) -> Option<f64> {
    let last = own.windows.iter().map(|window| window.round).max()?;
    least((1..=last).filter_map(|round| {
        let both = own
            .of(SIXTEEN)
            .chain(own.of(THIRTY_TWO))
            .filter(|window| window.round == round);
        let (cpu, answers) = both.fold((Duration::ZERO, 0), |(cpu, answers), window| {
            (cpu + window.cpu, answers + window.met.answered)
        });
        (answers > 0).then(|| cpu.as_secs_f64() * 1e6 / count(answers))
    }))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few minutes")]
fn count(number: u64) -> f64 {
    number as f64
}

fn megabytes(kib: u64) -> f64 {
    count(kib) * 1_024.0 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{cpu::Memory, load::Met};

    /// A row of ours beside nginx.
    fn row(value: f64) -> Row {
        let mut row = Row::new("speed", Name::Cultivar, value, "/s", "again");
        row.compare(Name::Nginx, Some(10.0));
        row
    }

    #[test]
    fn a_goal_is_judged_by_the_value_or_by_the_peer_that_it_names() {
        let peers = |name| (name == Name::Tensorzero).then_some(2.0);
        let judged = |goal: Goal, value| goal.judged(&row(value), peers).holds;
        assert_eq!(
            (judged(Goal::AtMost(6.0), 6.0), judged(Goal::AtMost(6.0), 6.1)),
            (Some(true), Some(false))
        );
        assert_eq!(
            (judged(Goal::Under(6.0), 5.9), judged(Goal::Under(6.0), 6.0)),
            (Some(true), Some(false))
        );
        let times = |value| judged(Goal::Times(3.0, Name::Tensorzero), value);
        assert_eq!((times(6.0), times(5.9)), (Some(true), Some(false)));
    }

    #[test]
    fn a_goal_whose_peer_did_not_run_is_neither_held_nor_missed() {
        let judged = Goal::Times(3.0, Name::Tensorzero).judged(&row(6.0), |_| None);
        assert_eq!((judged.holds, judged.peer, judged.ratio), (None, None, None));
    }

    /// One window of a subject, with an answer per 10 us of processor time.
    fn window(round: u32, kind: Kind, answered: u64, latency_us: f64) -> Window {
        let mut met = Met {
            answered,
            seconds: 2.0,
            ..Met::default()
        };
        met.latency.p50_us = latency_us;
        Window {
            round,
            kind,
            met,
            cpu: Duration::from_micros(10 * answered * u64::from(round)),
            memory: Memory::default(),
        }
    }

    #[test]
    fn of_the_rounds_the_best_is_kept_and_what_is_added_is_counted_from_the_mock() {
        let of = |name, more: f64| Measured {
            windows: vec![
                window(1, ONE, 10, 50.0 + more),
                window(2, ONE, 10, 40.0 + more),
                window(1, SIXTEEN, 100, 1.0),
                window(1, THIRTY_TWO, 300, 1.0),
                window(2, SIXTEEN, 500, 1.0),
            ],
            ..Measured::new(name, String::new())
        };
        let rows = rows(&[of(Name::Direct, 0.0), of(Name::Cultivar, 90.0)], "again");
        let value = |measured: &str| rows.iter().rfind(|row| row.measured == measured).unwrap().value;
        assert!((value("CPU per request, 16 and 32 callers") - 10.0).abs() < 1e-9);
        assert!((value("requests per second, best of 16 and 32") - 250.0).abs() < 1e-9);
        assert!((value("added p50, 1 caller") - 0.09).abs() < 1e-9);
        assert!(rows.iter().all(|row| row.measured != "whole stream p50, 8 callers"));
    }
}
