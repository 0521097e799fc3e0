//! What the policies never permit, proven about every request: `proofs/` compiles them to logic and asks the solver cvc5.
//!
//! That program is a workspace of its own, so that nobody who builds `cultivar` compiles a symbolic compiler.

use std::process::Command;

use super::{Context, Outcome, peers, say};
use crate::Failure;

pub(super) fn run(context: &Context) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    if let Err(why) = peers::run(Command::new("cvc5").arg("--version")) {
        outcome
            .missing
            .push(format!("cvc5 ({why}): on Debian `apt-get install cvc5`"));
        return Ok(outcome);
    }
    say("Cedar's symbolic compiler and cvc5 read the policies; the first build takes a few minutes")?;
    let mut prove = Command::new("cargo");
    prove
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(context.root.join("proofs/Cargo.toml"))
        .arg("--target-dir")
        .arg(context.target.join("proofs"));
    let printed = peers::stdout_of(&mut prove)?;
    outcome.add_printed(&printed)?;
    Ok(outcome)
}
