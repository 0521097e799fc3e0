//! `cargo xtask bench NAME`: our program and its peers side by side, in one run on one machine.
//!
//! What is measured is foreign to whoever measures: the mock provider and the load generator are processes of their own (hidden
//! subcommands of this one), so that the processor time of a subject is its own. What could not run is said and never counted.

mod cpu;
mod cultivar;
mod direct;
mod figures;
mod gateway;
mod litellm;
mod load;
mod measures;
mod message;
mod mock;
mod nginx;
mod portkey;
mod process;
mod report;
mod sglang_router;
mod subject;
mod tensorzero;
mod turns;

use std::{
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use self::load::{Load, Met};
use crate::Failure;

/// Events of a stream in one write of the mock: what a server built on hyper gathers when its events come without gaps.
const EVENTS_PER_WRITE: usize = 16;

#[derive(clap::Subcommand)]
pub(crate) enum Suite {
    /// Our door and other gateways in front of a mock provider on this machine
    Gateway(gateway::Arguments),
    /// The mock provider
    #[command(hide = true)]
    Mock(mock::Arguments),
    /// The load generator
    #[command(hide = true)]
    Load(Load),
}

pub(crate) fn run(root: &Path, suite: Suite) -> Result<ExitCode, Failure> {
    match suite {
        Suite::Gateway(arguments) => gateway::run(root, &arguments),
        Suite::Mock(arguments) => mock::run(&arguments),
        Suite::Load(load) => load::run(&load),
    }
}

/// A hidden subcommand of this very program, also where its file was built anew meanwhile.
fn own(subcommand: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["bench", subcommand]);
    command
}

/// Runs the load generator to its end, which it bounds itself.
fn run_load(load: &Load) -> Result<Met, Failure> {
    let output = own("load")
        .args(load.arguments())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::at("the load generator"))?;
    serde_json::from_slice(&output.stdout).map_err(Failure::at("what the load generator says"))
}

/// Says on stderr what happens, before it takes long.
fn say(what: &str) -> Result<(), Failure> {
    writeln!(io::stderr().lock(), "bench: {what}").map_err(Failure::at("stderr"))
}
