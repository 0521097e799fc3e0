//! The turns: round by round each subject bears every load, and what it used is kept.
//!
//! Processor time is counted until the subject has come to rest, so that work put off is counted too.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use super::{
    cpu::{self, Clock, Memory},
    load::{Load, Met},
    run_load, say,
    subject::{Name, Subject},
};
use crate::Failure;

/// How many callers ask for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) callers: usize,
    pub(super) stream: bool,
}

/// The loads of a turn.
const KINDS: [Kind; 5] = [
    Kind {
        callers: 1,
        stream: false,
    },
    Kind {
        callers: 16,
        stream: false,
    },
    Kind {
        callers: 32,
        stream: false,
    },
    Kind {
        callers: 8,
        stream: true,
    },
    Kind {
        callers: 1,
        stream: true,
    },
];

/// One load on one subject.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) round: u32,
    pub(super) kind: Kind,
    pub(super) met: Met,
    /// Processor time of the subject, from before the load until it came to rest.
    pub(super) cpu: Duration,
    /// Its memory after the load.
    pub(super) memory: Memory,
}

/// A subject with what was measured of it.
pub(super) struct Measured {
    pub(super) name: Name,
    pub(super) version: String,
    pub(super) windows: Vec<Window>,
    /// Good answers to requests outside of windows: the first one, and those that warmed it.
    pub(super) answered_before: u64,
    /// The same for requests without a good answer.
    pub(super) failed_before: u64,
}

/// How long a load lasts that warms a subject, in seconds.
const WARM_SECONDS: f64 = 0.3;

/// A subject is at rest once it has used no processor time for so long.
const REST: Duration = Duration::from_millis(300);

/// How long a subject may take to come to rest.
const REST_PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// All rounds, after which all subjects are ended.
pub(super) fn take_turns(running: Vec<(Name, Subject)>, rounds: u32, seconds: f64) -> Result<Vec<Measured>, Failure> {
    let clock = Clock::of_this_machine();
    let mut all: Vec<(Subject, Measured)> = running
        .into_iter()
        .map(|(name, subject)| {
            let measured = Measured::new(name, subject.version.clone());
            (subject, measured)
        })
        .collect();
    for round in 1..=rounds {
        for (subject, measured) in &mut all {
            take_turn(subject, measured, round, seconds, clock)?;
            say(&format!("round {round} of {}: {}", rounds, measured.in_short(round)))?;
        }
    }
    let ended = all.into_iter().map(|(subject, measured)| {
        drop(subject.process);
        measured
    });
    Ok(ended.collect())
}

fn take_turn(
    subject: &Subject,
    measured: &mut Measured,
    round: u32,
    seconds: f64,
    clock: Clock,
) -> Result<(), Failure> {
    for stream in [false, true] {
        let met = run_load(&Load {
            callers: 8,
            seconds: WARM_SECONDS,
            stream,
            ..subject.load.clone()
        })?;
        measured.answered_before += met.answered;
        measured.failed_before += met.errors();
    }
    for kind in KINDS {
        let before = at_rest(clock, subject.id);
        let load = Load {
            callers: kind.callers,
            stream: kind.stream,
            seconds,
            ..subject.load.clone()
        };
        let met = run_load(&load)?;
        let memory = cpu::memory(subject.id);
        let cpu = at_rest(clock, subject.id).saturating_sub(before);
        measured.windows.push(Window {
            round,
            kind,
            met,
            cpu,
            memory,
        });
    }
    Ok(())
}

/// Waits until a subject rests; the processor time that it has used by then.
fn at_rest(clock: Clock, id: u32) -> Duration {
    let until = Instant::now() + REST_PATIENCE;
    let (mut used, mut since) = (clock.used(id), Instant::now());
    while since.elapsed() < REST && Instant::now() < until {
        thread::sleep(GLANCE);
        let now = clock.used(id);
        if now != used {
            (used, since) = (now, Instant::now());
        }
    }
    used
}

impl Measured {
    /// Nothing but the one request that it answered when it was started.
    pub(super) fn new(name: Name, version: String) -> Self {
        Self {
            name,
            version,
            windows: Vec::new(),
            answered_before: 1,
            failed_before: 0,
        }
    }

    /// The windows of a kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Window> {
        self.windows.iter().filter(move |window| window.kind == kind)
    }

    /// Good answers so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered_before + self.windows.iter().map(|window| window.met.answered).sum::<u64>()
    }

    /// Requests without a good answer so far.
    pub(super) fn failed(&self) -> u64 {
        self.failed_before + self.windows.iter().map(|window| window.met.errors()).sum::<u64>()
    }

    /// A round in a line, with the first kind of error where there is any.
    fn in_short(&self, round: u32) -> String {
        let mut line = format!("{:13}", self.name.text());
        let windows = self.windows.iter().filter(|window| window.round == round);
        for Window { kind, met, cpu, .. } in windows {
            let what = if kind.stream { "streams" } else { "requests" };
            let rate = rate(met);
            let _ = write!(
                line,
                " {}x{what} {rate:.0}/s {:.0} us",
                kind.callers,
                per_answer_us(*cpu, met)
            );
            if let Some((error, count)) = met.errors.iter().next() {
                let _ = write!(line, " ({count} x {error})");
            }
        }
        line
    }
}

/// Answers per second.
#[expect(clippy::cast_precision_loss, reason = "counts of a few minutes")]
pub(super) fn rate(met: &Met) -> f64 {
    if met.seconds > 0.0 {
        met.answered as f64 / met.seconds
    } else {
        0.0
    }
}

/// Processor time per good answer in microseconds.
#[expect(clippy::cast_precision_loss, reason = "counts of a few minutes")]
pub(super) fn per_answer_us(cpu: Duration, met: &Met) -> f64 {
    cpu.as_secs_f64() * 1e6 / met.answered as f64
}
