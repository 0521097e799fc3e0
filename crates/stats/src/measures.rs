//! Measures: one file each. What a unit adds to a sum, and the value of a sum.

mod chrf;
mod ratio;

pub use chrf::ChrfCounts;
pub use ratio::Ratio;

/// What one unit adds to a measure. The value of several units is the value of their sum, not the mean of their values, so
/// that long units weigh more than short ones.
pub trait Tally: Clone {
    /// Adds another unit's share.
    fn add(&mut self, other: &Self);

    /// The measure's value for what was added up so far, in the measure's unit.
    fn value(&self) -> f64;
}
