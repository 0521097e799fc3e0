//! Foreign verifiers against the ledger: stub.
use super::{Context, Outcome};
use crate::Failure;
pub(super) fn run(_: &Context) -> Result<Outcome, Failure> {
    Ok(Outcome::default())
}
