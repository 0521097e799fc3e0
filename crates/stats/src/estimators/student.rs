//! Student's t interval for a mean, and for the mean difference of paired observations.
//!
//! **What it measures.** The mean of a quantity over the population that the units were drawn from.
//!
//! **Assumes.** Independent units; the mean is about normally distributed, which holds for a few dozen units unless the
//! quantity is very skewed. Pairs: both subjects observed on the same units.
//!
//! **Fails when.** Units depend on each other (several answers of one conversation: sum them into one unit first), or a rare
//! huge value carries the mean.
//!
//! **Source.** Student, "The probable error of a mean", Biometrika 6 (1908).

use crate::{
    Interval, StatsError,
    interval::{at_least, finite, number, same_length, tail_of},
    tails::t_quantile,
};

/// The mean of one value per unit.
///
/// # Errors
/// `stats::too_few` for fewer than 2 units, `stats::not_finite`, `stats::confidence`.
pub fn student_t(values: &[f64], confidence: f64) -> Result<Interval, StatsError> {
    interval(values, confidence, "student t")
}

/// The mean of first minus other, unit by unit.
///
/// # Errors
/// Those of [`student_t`], and `stats::unpaired`.
pub fn paired_student_t(first: &[f64], other: &[f64], confidence: f64) -> Result<Interval, StatsError> {
    same_length(first, other)?;
    let differences: Vec<f64> = first.iter().zip(other).map(|(a, b)| a - b).collect();
    interval(&differences, confidence, "paired student t")
}

fn interval(values: &[f64], confidence: f64, method: &str) -> Result<Interval, StatsError> {
    let tail = tail_of(confidence)?;
    let units = at_least(2, values.len())?;
    for value in values {
        finite(*value, "value of a unit")?;
    }
    let n = number(units);
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let standard_error = (squares / (n - 1.0) / n).sqrt();
    let half = finite(t_quantile(tail, n - 1.0) * standard_error, "standard error")?;
    Ok(Interval {
        value: mean,
        low: mean - half,
        high: mean + half,
        confidence,
        units,
        method: method.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Draws, coverage};

    const FIRST: [f64; 10] = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3, 2.01];
    const OTHER: [f64; 10] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.19, 1.29, 1.04];

    /// `scipy.stats.ttest_1samp(first, 0).confidence_interval(0.95)` and
    /// `scipy.stats.ttest_rel(first, other).confidence_interval(0.99)`, scipy 1.17.1.
    #[test]
    fn intervals_are_those_of_scipy() {
        let one = student_t(&FIRST, 0.95).unwrap();
        let two = paired_student_t(&FIRST, &OTHER, 0.99).unwrap();
        let found = [one.value, one.low, one.high, two.value, two.low, two.high];
        let expected = [
            1.791,
            1.305_242_167_534_714,
            2.276_757_832_465_286,
            0.4807,
            0.024_040_335_206_961_583,
            0.937_359_664_793_038_4,
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    /// 1,319 grade-school problems, two models graded on each: 306 solved by the first alone and 79 by the other alone.
    /// Cobbe et al., "Training verifiers to solve math word problems" (2021), model solutions published with the data.
    #[test]
    fn the_difference_of_two_published_models_is_17_points() {
        let outcome =
            |solved: usize, other: usize| (0..1319).map(move |i| f64::from(u8::from(i < solved && i >= other)));
        let first: Vec<f64> = outcome(306, 0).collect();
        let other: Vec<f64> = outcome(385, 306).collect();
        let found = paired_student_t(&first, &other, 0.95).unwrap();
        assert!((found.value - 0.172_100).abs() < 1e-6);
        assert!(((found.high - found.low) / 2.0 / 1.961_76 - 0.014_106).abs() < 1e-5);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(student_t(&[1.0], 0.95), Err(StatsError::TooFew { found: 1, needed: 2 }));
        assert!(student_t(&[1.0, f64::NAN], 0.95).is_err());
        assert!(student_t(&[f64::MAX, f64::MAX], 0.95).is_err());
        assert!(student_t(&[1.0, 2.0], 1.0).is_err());
        assert!(student_t(&[1.0, 2.0], f64::NAN).is_err());
        assert_eq!(
            paired_student_t(&[1.0, 2.0], &[1.0], 0.95),
            Err(StatsError::Unpaired { first: 2, other: 1 })
        );
    }

    #[test]
    fn an_interval_of_8_normal_values_covers_the_mean_in_95_of_100_repetitions() {
        let mut draws = Draws::new(11);
        let covered = coverage(5_000, 3.0, || {
            let values: Vec<f64> = (0..8).map(|_| 3.0 + 2.0 * draws.normal()).collect();
            student_t(&values, 0.95).unwrap()
        });
        assert!((0.94..0.96).contains(&covered), "{covered}");
    }
}
