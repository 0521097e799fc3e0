//! What keeps an estimate from being made.

use miette::Diagnostic;
use thiserror::Error;

/// Observations or settings from which no honest interval follows.
#[derive(Debug, Clone, PartialEq, Error, Diagnostic)]
pub enum StatsError {
    /// Not enough units.
    #[error("{found} units were observed, but at least {needed} are needed")]
    #[diagnostic(code("stats::too_few"), help("observe more independent units"))]
    TooFew {
        /// How many there are.
        found: u64,
        /// How many an interval needs.
        needed: u64,
    },
    /// Paired observations that are not of the same units.
    #[error("one subject was observed on {first} units and the other on {other}")]
    #[diagnostic(
        code("stats::unpaired"),
        help("a paired comparison needs both subjects on the same units in the same order")
    )]
    Unpaired {
        /// Units of the first subject.
        first: u64,
        /// Units of the other.
        other: u64,
    },
    /// A number is infinite or none at all, or a sum of numbers became so.
    #[error("the {what} is not a finite number")]
    #[diagnostic(
        code("stats::not_finite"),
        help("find the unit whose score overflowed or was divided by zero")
    )]
    NotFinite {
        /// Which number.
        what: &'static str,
    },
    /// A ratio's denominator is zero or negative.
    #[error("a unit's denominator is {found}, but it must be positive")]
    #[diagnostic(
        code("stats::empty_unit"),
        help("leave out units that hold nothing to measure, and say how many there were")
    )]
    EmptyUnit {
        /// The denominator.
        found: f64,
    },
    /// A confidence that is none.
    #[error("{found} is no confidence: it must lie between 0 and 1, without the two")]
    #[diagnostic(code("stats::confidence"), help("0.95 is usual"))]
    Confidence {
        /// What was asked for.
        found: f64,
    },
    /// Too few resamples for the interval's ends.
    #[error("{found} resamples are too few: at least {needed} are needed")]
    #[diagnostic(code("stats::resamples"), help("10000 is usual"))]
    Resamples {
        /// What was asked for.
        found: u32,
        /// The least.
        needed: u32,
    },
    /// More successes than trials.
    #[error("{successes} successes in {trials} trials cannot be")]
    #[diagnostic(code("stats::successes"), help("count each trial once"))]
    Successes {
        /// Successes.
        successes: u64,
        /// Trials.
        trials: u64,
    },
}
