//! Values with their uncertainty.

use crate::StatsError;

/// A value with an interval that covers the truth in the stated share of repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// The value observed, in the unit of the measure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The share, for instance 0.95.
    pub confidence: f64,
    /// Independent units behind it.
    pub units: u64,
    /// The method in words, for a report.
    pub method: String,
}

/// Half of what lies outside an interval of this confidence: 0.025 for 0.95.
pub(crate) fn tail_of(confidence: f64) -> Result<f64, StatsError> {
    if confidence > 0.0 && confidence < 1.0 {
        Ok((1.0 - confidence) / 2.0)
    } else {
        Err(StatsError::Confidence { found: confidence })
    }
}

pub(crate) fn finite(value: f64, what: &'static str) -> Result<f64, StatsError> {
    value.is_finite().then_some(value).ok_or(StatsError::NotFinite { what })
}

/// Refuses fewer units than an interval needs.
pub(crate) fn at_least(needed: u64, found: usize) -> Result<u64, StatsError> {
    let found = found as u64;
    if found < needed {
        return Err(StatsError::TooFew { found, needed });
    }
    Ok(found)
}

/// Refuses subjects observed on different numbers of units.
pub(crate) fn same_length<T>(first: &[T], other: &[T]) -> Result<(), StatsError> {
    let (first, other) = (first.len() as u64, other.len() as u64);
    if first == other {
        Ok(())
    } else {
        Err(StatsError::Unpaired { first, other })
    }
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "what is counted here stays far below 2^53")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
