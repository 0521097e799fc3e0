//! Wilson's score interval for a share.
//!
//! **What it measures.** The probability of success behind a number of successes in a number of trials.
//!
//! **Assumes.** Independent trials with one probability.
//!
//! **Fails when.** Trials come in groups that succeed together (several answers of one conversation): the interval is then
//! too narrow; use the bootstrap over the groups. Its coverage swings around the stated one, least near 0 and 1.
//!
//! **Source.** Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927); recommended by
//! Brown, Cai and Das Gupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001).

use crate::{
    Interval, StatsError,
    interval::{number, tail_of},
    tails::normal_quantile,
};

/// The share of successes, 0 to 1.
///
/// # Errors
/// `stats::too_few` without trials, `stats::successes` where there are more successes than trials, `stats::confidence`.
pub fn wilson(successes: u64, trials: u64, confidence: f64) -> Result<Interval, StatsError> {
    let z = normal_quantile(tail_of(confidence)?);
    if trials == 0 {
        return Err(StatsError::TooFew { found: 0, needed: 1 });
    }
    if successes > trials {
        return Err(StatsError::Successes { successes, trials });
    }
    let n = number(trials);
    let share = number(successes) / n;
    let shrink = 1.0 + z * z / n;
    let center = (share + z * z / (2.0 * n)) / shrink;
    let half = z / shrink * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Ok(Interval {
        value: share,
        // The ends at 0 and 1 are exact; rounding would put them beside.
        low: if successes == 0 { 0.0 } else { center - half },
        high: if successes == trials { 1.0 } else { center + half },
        confidence,
        units: trials,
        method: "wilson score".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Successes, trials, confidence and the two ends from
    /// `scipy.stats.binomtest(k, n).proportion_ci(confidence, method="wilson")`, scipy 1.17.1.
    const GOLDENS: [(u64, u64, f64, f64, f64); 6] = [
        (742, 1319, 0.95, 0.535_632_652_839_958_3, 0.589_098_847_597_816_4),
        (742, 1319, 0.99, 0.527_137_535_494_283, 0.597_331_125_087_198_5),
        (0, 10, 0.95, 0.0, 0.277_532_799_862_889_26),
        (10, 10, 0.99, 0.601_145_906_695_091_9, 1.0),
        (1, 3, 0.95, 0.061_491_944_720_396_26, 0.792_340_399_197_952_3),
        (5, 10, 0.99, 0.184_225_518_247_235_46, 0.815_774_481_752_764_6),
    ];

    #[test]
    fn intervals_are_those_of_scipy() {
        for (successes, trials, confidence, low, high) in GOLDENS {
            let found = wilson(successes, trials, confidence).unwrap();
            assert!((found.low - low).abs() < 1e-12, "{found:?}");
            assert!((found.high - high).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(wilson(0, 0, 0.95), Err(StatsError::TooFew { found: 0, needed: 1 }));
        let (successes, trials) = (2, 1);
        assert_eq!(wilson(2, 1, 0.95), Err(StatsError::Successes { successes, trials }));
        assert!(wilson(1, 2, 0.0).is_err());
    }

    /// Not simulated but summed: the chance that the interval of 30 trials covers the truth, exactly.
    #[test]
    fn an_interval_of_30_trials_covers_the_share_in_95_of_100_repetitions_on_average() {
        let intervals: Vec<_> = (0..=30).map(|k| wilson(k, 30, 0.95).unwrap()).collect();
        let coverage = |p: f64| -> f64 {
            let mut chance = (1.0 - p).powi(30);
            let mut covered = 0.0;
            for (k, interval) in (0_u32..).zip(&intervals) {
                if interval.low <= p && p <= interval.high {
                    covered += chance;
                }
                chance *= p / (1.0 - p) * f64::from(30 - k) / f64::from(k + 1);
            }
            covered
        };
        let shares: Vec<f64> = (1..200).map(|i| f64::from(i) / 200.0).collect();
        let mean = shares.iter().map(|p| coverage(*p)).sum::<f64>() / 199.0;
        let least = shares.iter().map(|p| coverage(*p)).fold(1.0, f64::min);
        assert!((0.945..0.96).contains(&mean), "{mean}");
        assert!(least > 0.83, "{least}");
    }
}
