//! `cultivar`: the binary. The only place that reads the environment, the configuration and the wall clock, and that puts
//! the parts together.

mod admin;
mod commands;
mod config;
mod failure;
mod ledger_check;
mod opened;
mod progress;
mod secrets;
mod server;
mod system;
mod telemetry;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use cultivar_cli::Cli;

use crate::{failure::Exit, terminal::Terminal};

/// A request makes many small allocations on one thread and frees them there: mimalloc is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return terminal::usage(&error),
    };
    let terminal = Terminal::new(&cli.global);
    match commands::run(cli, &terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.failure(&failure);
            failure.exit.into()
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
