//! A ratio of sums, such as bits per byte.
//!
//! **What it measures.** The sum of numerators over the sum of denominators: with the bits that a model needs to write an
//! answer and the answer's bytes, bits per byte (lower is better).
//!
//! **Assumes.** Numerator and denominator of a unit are of the same text; denominators are positive.
//!
//! **Fails when.** One unit holds most of the denominator: the ratio is then that unit's alone.
//!
//! **Source.** Cochran, *Sampling Techniques*, 3rd edition, chapter 6 (ratio estimators); bits per byte as in Gao et al.,
//! "The Pile" (2020), section 3.1.

use super::Tally;
use crate::{StatsError, interval::finite};

/// One unit's numerator and denominator, or the sums over several units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    numerator: f64,
    denominator: f64,
}

impl Ratio {
    /// The share of one unit.
    ///
    /// # Errors
    /// `stats::not_finite`, or `stats::empty_unit` where the denominator is not positive.
    pub fn new(numerator: f64, denominator: f64) -> Result<Self, StatsError> {
        let numerator = finite(numerator, "numerator")?;
        let denominator = finite(denominator, "denominator")?;
        if denominator <= 0.0 {
            return Err(StatsError::EmptyUnit { found: denominator });
        }
        Ok(Self { numerator, denominator })
    }
}

impl Tally for Ratio {
    fn add(&mut self, other: &Self) {
        self.numerator += other.numerator;
        self.denominator += other.denominator;
    }

    fn value(&self) -> f64 {
        self.numerator / self.denominator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_unit_weighs_more_than_a_short_one() {
        let mut sum = Ratio::new(8.0, 4.0).unwrap();
        sum.add(&Ratio::new(12.0, 12.0).unwrap());
        assert!((sum.value() - 1.25).abs() < 1e-15);
    }

    #[test]
    fn units_without_a_denominator_or_with_nonsense_are_refused() {
        assert_eq!(Ratio::new(1.0, 0.0), Err(StatsError::EmptyUnit { found: 0.0 }));
        assert!(Ratio::new(f64::NAN, 1.0).is_err());
        assert!(Ratio::new(1.0, f64::INFINITY).is_err());
    }
}
