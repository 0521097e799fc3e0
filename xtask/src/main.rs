//! The workshop: what keeps the repository in order and what compares it with foreign programs. Run it as `cargo xtask`.
//!
//! It depends on no crate of the product, so that it is built in seconds and judges from outside.

mod bench;
mod conformance;
mod failure;
mod machine;
mod tidy;
mod tree;

use std::{path::Path, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// Keeps Cultivar's repository in order.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check the rules of the house that no compiler knows
    Tidy,
    /// Run foreign clients and verifiers against `cultivar`
    Conformance(conformance::Arguments),
    /// Measure `cultivar` side by side with its peers
    #[command(subcommand)]
    Bench(bench::Suite),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(failure) => {
            failure::report(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode, Failure> {
    let root = root()?;
    match task {
        Task::Tidy => tidy::run(root),
        Task::Conformance(arguments) => conformance::run(root, &arguments),
        Task::Bench(suite) => bench::run(root, suite),
    }
}

/// The root of the repository: the folder above this crate.
fn root() -> Result<&'static Path, Failure> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent()
        .ok_or_else(|| Failure::new("the workspace", "`xtask` lies in no folder"))
}
