//! `bench gateway`: all subjects stand in front of one mock provider, and are asked in turns, round by round.
//!
//! The machine may be busy with other things: a round that was disturbed for one subject was not for another, and the best of the
//! rounds is kept. Processor time is counted until the subject has come to rest, so that work put off is counted too.

use std::{
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;

use super::{
    EVENTS_PER_WRITE,
    cpu::{self, Clock, Memory},
    cultivar,
    load::{Load, Met},
    measures, own,
    process::Process,
    report::Outcome,
    run_load, say,
    subject::{Context, Name, Subject},
};
use crate::{
    Failure,
    conformance::{program, target},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure only these [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    subjects: Vec<Name>,
    /// How often each subject has its turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each load lasts; there are five in a turn
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// One round of short loads: shows that everything runs, and measures little
    #[arg(long)]
    quick: bool,
    /// Measure this binary instead of building one in release
    #[arg(long, value_name = "PATH")]
    cultivar: Option<PathBuf>,
    /// How many events of a stream the mock sends in one write
    #[arg(long, default_value_t = EVENTS_PER_WRITE)]
    events_per_write: usize,
}

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
    answered_before: u64,
    /// The same for requests without a good answer.
    failed_before: u64,
}

/// How long a load lasts in a quick run, in seconds.
const QUICK_SECONDS: f64 = 0.5;

/// How long a load lasts that warms a subject, in seconds.
const WARM_SECONDS: f64 = 0.3;

/// A subject is at rest once it has used no processor time for so long.
const REST: Duration = Duration::from_millis(300);

/// How long a subject may take to come to rest.
const REST_PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// How long the mock may take to say its address.
const MOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Measures; writes `target/bench/gateway.json` and the same as a table.
pub(super) fn run(root: &Path, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let target = target(root);
    let work = target.join("bench");
    fs::create_dir_all(&work).map_err(Failure::at(work.display()))?;
    let names = arguments.names();
    let cultivar = if names.contains(&Name::Cultivar) {
        Some(arguments.kept_cultivar(root, &target, &work)?)
    } else {
        None
    };
    let (mock, address) = start_mock(&work, arguments.events_per_write)?;
    let context = Context {
        suites: root.join("xtask/bench"),
        peers: target.join("peers"),
        work,
        cultivar,
        mock: address,
        mock_id: mock.id(),
    };
    let mut outcome = Outcome::new(arguments.command());
    let running = start_all(&names, &context, &mut outcome)?;
    let measured = take_turns(running, arguments)?;
    outcome.rows = measures::rows(&measured, &outcome.command);
    if let Some(ours) = measured.iter().find(|each| each.name == Name::Cultivar) {
        look_into_record(ours, &context, &mut outcome);
    }
    outcome.subjects = measured.iter().map(|each| (each.name, each.version.clone())).collect();
    outcome.write(root, "gateway")?;
    outcome
        .print(&mut io::stdout().lock(), "gateway")
        .map_err(Failure::at("stdout"))?;
    Ok(if outcome.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Arguments {
    fn names(&self) -> Vec<Name> {
        let mut names = if self.subjects.is_empty() {
            Name::value_variants().to_vec()
        } else {
            // What a gateway adds is counted from the mock itself.
            std::iter::once(Name::Direct)
                .chain(self.subjects.iter().copied())
                .collect()
        };
        names.sort_unstable();
        names.dedup();
        names
    }

    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    fn seconds(&self) -> f64 {
        if self.quick {
            QUICK_SECONDS
        } else {
            self.seconds.clamp(0.1, 60.0)
        }
    }

    /// The command that measures so again.
    fn command(&self) -> String {
        let mut command = format!(
            "cargo xtask bench gateway --rounds {} --seconds {}",
            self.rounds(),
            self.seconds()
        );
        if self.events_per_write != EVENTS_PER_WRITE {
            let _ = write!(command, " --events-per-write {}", self.events_per_write);
        }
        command
    }

    /// A copy of the binary to be measured, for a build may replace the original while this runs.
    fn kept_cultivar(&self, root: &Path, target: &Path, work: &Path) -> Result<PathBuf, Failure> {
        let original = match &self.cultivar {
            Some(given) => given.clone(),
            None => program::build(root, target)?,
        };
        let copy = work.join("cultivar");
        fs::copy(&original, &copy).map_err(Failure::at(original.display()))?;
        Ok(copy)
    }
}

fn start_mock(work: &Path, events_per_write: usize) -> Result<(Process, SocketAddr), Failure> {
    let mut command = own("mock");
    command.args(["--events-per-write", &events_per_write.to_string()]);
    let mut mock = Process::start(&mut command, "mock", work).map_err(Failure::at("the mock provider"))?;
    let address = mock.address(MOCK_PATIENCE).map_err(Failure::at("the mock provider"))?;
    Ok((mock, address))
}

fn start_all(names: &[Name], context: &Context, outcome: &mut Outcome) -> Result<Vec<(Name, Subject)>, Failure> {
    let mut running = Vec::new();
    for name in names {
        say(&format!("starting {}", name.text()))?;
        match name.start(context) {
            Ok(subject) => running.push((*name, subject)),
            Err(why) => {
                say(&format!("not run: {why}"))?;
                outcome.broken |= *name == Name::Cultivar;
                outcome.missing.push(why);
            }
        }
    }
    Ok(running)
}

/// All rounds, after which all subjects are ended.
fn take_turns(running: Vec<(Name, Subject)>, arguments: &Arguments) -> Result<Vec<Measured>, Failure> {
    let clock = Clock::of_this_machine();
    let mut all: Vec<(Subject, Measured)> = running
        .into_iter()
        .map(|(name, subject)| {
            let measured = Measured::new(name, subject.version.clone());
            (subject, measured)
        })
        .collect();
    for round in 1..=arguments.rounds() {
        for (subject, measured) in &mut all {
            take_turn(subject, measured, round, arguments.seconds(), clock)?;
            say(&format!(
                "round {round} of {}: {}",
                arguments.rounds(),
                measured.in_short(round)
            ))?;
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
    fn answered(&self) -> u64 {
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

/// Whether the record of our door, now ended, verifies and has every exchange that was answered.
fn look_into_record(ours: &Measured, context: &Context, outcome: &mut Outcome) {
    match cultivar::recorded(context) {
        Ok(recorded) => {
            let (answered, failed) = (ours.answered(), ours.failed());
            outcome.notes.push(format!(
                "the ledger of `cultivar` verifies: {recorded} exchanges for {answered} answered and {failed} other requests"
            ));
            outcome
                .rows
                .push(measures::lost(answered.saturating_sub(recorded), &outcome.command));
        }
        Err(why) => {
            outcome.notes.push(format!("FAIL  the record of `cultivar`: {why}"));
            outcome.broken = true;
        }
    }
}
