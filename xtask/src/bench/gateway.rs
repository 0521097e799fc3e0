//! `bench gateway`: all subjects stand in front of one mock provider, and are asked in turns, round by round.
//!
//! The machine may be busy with other things: a round that was disturbed for one subject was not for another, and the best of the
//! rounds is kept.

use std::{
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::ValueEnum;

use super::{
    EVENTS_PER_WRITE, cultivar, measures, own,
    process::Process,
    report::Outcome,
    say,
    subject::{Context, Name, Subject},
    turns::{Measured, take_turns},
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

/// How long a load lasts in a quick run, in seconds.
const QUICK_SECONDS: f64 = 0.5;

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
    let measured = take_turns(running, arguments.rounds(), arguments.seconds())?;
    outcome.rows = measures::rows(&measured, &outcome.command);
    if let Some(ours) = measured.iter().find(|each| each.name == Name::Cultivar) {
        look_into_record(ours, &context, &mut outcome);
    }
    outcome.subjects = measured.iter().map(|each| (each.name, each.version.clone())).collect();
    outcome.notes.extend(measures::own_cost(&measured));
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
