//! Estimates with intervals, from plain numbers.
//!
//! An estimator ([`bootstrap`], [`paired_bootstrap`], [`student_t`], [`paired_student_t`], [`wilson`]) turns what was observed
//! on independent units into an [`Interval`]. A measure ([`Ratio`], [`ChrfCounts`]) says what one unit adds to a sum and what
//! value a sum has ([`Tally`]). Each states what it measures, what it assumes, when it fails, and its source.
//!
//! This crate does not know models, conversations or datasets, and it draws nothing at random but from a seed that it is given.

mod error;
mod estimators;
mod interval;
mod measures;
#[cfg(test)]
mod simulation;
mod tails;

pub use error::StatsError;
pub use estimators::{Resampling, bootstrap, paired_bootstrap, paired_student_t, student_t, wilson};
pub use interval::Interval;
pub use measures::{ChrfCounts, Ratio, Tally};
