//! The bootstrap over independent units, for one subject and for the difference of two.
//!
//! **What it measures.** The value of a measure (a [`Tally`]) over the population that the units were drawn from, and how far
//! the observed value may lie from it: units are drawn again with replacement, many times, and the spread of the values is
//! the interval. The difference of two subjects is drawn with the same units for both.
//!
//! **Assumes.** Independent units, drawn alike. Whatever belongs together (the answers of one conversation) is one unit.
//!
//! **Fails when.** There are few units or one of them carries the measure: intervals are then too narrow. Widening by
//! Student's t (Hesterberg's expanded percentile) mends the first: in our simulations of a skewed ratio, intervals of 95 %
//! covered the truth in 93 % of repetitions with 10 to 50 units, where the plain percentile covered 88 to 92 % and `BCa`
//! 85 to 89 %. Nothing mends units that are not independent.
//!
//! **Source.** Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13; Hesterberg, "What teachers should
//! know about the bootstrap", The American Statistician 69 (2015), section 5.3.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{
    Interval, StatsError, Tally,
    interval::{at_least, finite, number, same_length, tail_of},
    tails::{normal_tail, t_quantile},
};

/// Below this the ends of an interval are guesses.
const FEWEST_RESAMPLES: u32 = 100;

/// How to resample. The same settings on the same units give the same interval, on every machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// How many times to draw all units again; 10000 is usual.
    pub resamples: u32,
    /// The share of repetitions in which the interval should cover the truth, for instance 0.95.
    pub confidence: f64,
    /// Seed of the draws.
    pub seed: u64,
}

/// A measure of one subject, from one tally per unit.
///
/// # Errors
/// `stats::too_few` for fewer than 2 units, `stats::resamples`, `stats::confidence`, `stats::not_finite`.
pub fn bootstrap<T: Tally>(units: &[T], settings: Resampling) -> Result<Interval, StatsError> {
    resample(units, settings, "bootstrap")
}

/// The difference of a measure between two subjects, first minus other, from one tally per unit of each.
///
/// # Errors
/// Those of [`bootstrap`], and `stats::unpaired`.
pub fn paired_bootstrap<T: Tally>(first: &[T], other: &[T], settings: Resampling) -> Result<Interval, StatsError> {
    same_length(first, other)?;
    let pair = |(first, other): (&T, &T)| Pair {
        first: first.clone(),
        other: other.clone(),
    };
    let pairs: Vec<_> = first.iter().zip(other).map(pair).collect();
    resample(&pairs, settings, "paired bootstrap")
}

/// Both subjects on one unit.
#[derive(Clone)]
struct Pair<T> {
    first: T,
    other: T,
}

impl<T: Tally> Tally for Pair<T> {
    fn add(&mut self, other: &Self) {
        self.first.add(&other.first);
        self.other.add(&other.other);
    }

    fn value(&self) -> f64 {
        self.first.value() - self.other.value()
    }
}

fn resample<T: Tally>(units: &[T], settings: Resampling, name: &str) -> Result<Interval, StatsError> {
    let Resampling {
        resamples,
        confidence,
        seed,
    } = settings;
    let tail = tail_of(confidence)?;
    let n = at_least(2, units.len())?;
    if resamples < FEWEST_RESAMPLES {
        return Err(StatsError::Resamples {
            found: resamples,
            needed: FEWEST_RESAMPLES,
        });
    }
    let mut draws = draws_of(seed);
    let mut values = (0..resamples)
        .map(|_| {
            finite(
                value_of((0..n).filter_map(|_| pick(units, &mut draws))),
                "value of a resample",
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    values.sort_by(f64::total_cmp);
    let tail = expanded(tail, number(n));
    Ok(Interval {
        value: finite(value_of(units), "value of all units")?,
        low: quantile(&values, tail),
        high: quantile(&values, 1.0 - tail),
        confidence,
        units: n,
        method: format!("{name}, expanded percentile, {resamples} resamples"),
    })
}

fn draws_of(seed: u64) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    for (byte, of_seed) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *byte = of_seed;
    }
    ChaCha8Rng::from_seed(bytes)
}

/// One unit at random: the upper half of the product, which is uneven by less than n in 2^32 (Lemire 2019).
fn pick<'a, T>(units: &'a [T], draws: &mut ChaCha8Rng) -> Option<&'a T> {
    let product = u64::from(draws.next_u32()) * units.len() as u64;
    units.get(usize::try_from(product >> 32).unwrap_or(usize::MAX))
}

fn value_of<'a, T: Tally + 'a>(units: impl IntoIterator<Item = &'a T>) -> f64 {
    let mut units = units.into_iter();
    let Some(mut sum) = units.next().cloned() else {
        return f64::NAN;
    };
    units.for_each(|unit| sum.add(unit));
    sum.value()
}

/// The tail probability that widens a percentile interval as Student's t widens a normal one (Hesterberg 2015).
fn expanded(tail: f64, n: f64) -> f64 {
    normal_tail((n / (n - 1.0)).sqrt() * t_quantile(tail, n - 1.0))
}

/// A quantile of sorted values, between neighbours in proportion (Hyndman and Fan 1996, type 7).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the place lies between 0 and the number of values"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * number((sorted.len() as u64).saturating_sub(1));
    let at = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
    let (below, above) = (at(place.floor()), at(place.ceil()));
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ChrfCounts, Ratio,
        simulation::{Draws, coverage},
    };

    const SETTINGS: Resampling = Resampling {
        resamples: 2_000,
        confidence: 0.95,
        seed: 12_345,
    };

    fn ratios(pairs: &[(f64, f64)]) -> Vec<Ratio> {
        pairs.iter().map(|(a, b)| Ratio::new(*a, *b).unwrap()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_seed_another() {
        let units = ratios(&[(1.0, 2.0), (2.0, 3.0), (5.0, 4.0), (2.0, 9.0), (3.0, 3.5)]);
        let found = bootstrap(&units, SETTINGS).unwrap();
        assert_eq!(bootstrap(&units, SETTINGS).unwrap(), found);
        assert_eq!(found.method, "bootstrap, expanded percentile, 2000 resamples");
        assert!((found.value - 13.0 / 21.5).abs() < 1e-15);
        assert_ne!(bootstrap(&units, Resampling { seed: 1, ..SETTINGS }).unwrap(), found);
    }

    /// Which units are drawn is part of what a recorded seed promises. The numbers are those of a second `ChaCha8`, in Python.
    #[test]
    fn the_draws_of_a_seed_never_change() {
        let mut draws = draws_of(12_345);
        let units: Vec<u32> = (0..1000).collect();
        let found: Vec<u32> = (0..6).filter_map(|_| pick(&units, &mut draws)).copied().collect();
        assert_eq!(found, [682, 602, 322, 940, 950, 26]);
    }

    /// All 4^4 resamples of four units, against many drawn ones.
    #[test]
    fn the_resamples_are_spread_as_all_possible_ones() {
        let units = ratios(&[(1.0, 2.0), (2.0, 3.0), (5.0, 4.0), (2.0, 9.0)]);
        let all = (0..256_usize).map(|code| value_of([0, 2, 4, 6].map(|shift| &units[code >> shift & 3])));
        let mut all: Vec<f64> = all.collect();
        all.sort_by(f64::total_cmp);
        let tail = expanded(0.1, 4.0);
        let settings = Resampling {
            resamples: 40_000,
            confidence: 0.8,
            seed: 3,
        };
        let found = bootstrap(&units, settings).unwrap();
        assert!((found.low - quantile(&all, tail)).abs() < 0.02, "{found:?}");
        assert!((found.high - quantile(&all, 1.0 - tail)).abs() < 0.02, "{found:?}");
    }

    /// `numpy.quantile`, numpy 2.4.
    #[test]
    fn quantiles_lie_between_neighbours_as_with_numpy() {
        let values = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!((quantile(&values, share) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_subject_does_not_differ_from_itself() {
        let units: Vec<_> = ["a cat", "two dogs", "three birds sing"]
            .map(|a| ChrfCounts::of(a, "a dog sings"))
            .to_vec();
        let found = paired_bootstrap(&units, &units, SETTINGS).unwrap();
        assert_eq!((found.value, found.low, found.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn nonsense_is_refused() {
        let units = ratios(&[(1.0, 2.0), (2.0, 3.0)]);
        let settings = |resamples, confidence| Resampling {
            resamples,
            confidence,
            seed: 1,
        };
        assert!(matches!(
            bootstrap(&units[..1], SETTINGS),
            Err(StatsError::TooFew { found: 1, needed: 2 })
        ));
        assert!(matches!(
            bootstrap::<Ratio>(&[], SETTINGS),
            Err(StatsError::TooFew { found: 0, .. })
        ));
        assert!(matches!(
            bootstrap(&units, settings(99, 0.95)),
            Err(StatsError::Resamples { .. })
        ));
        assert!(matches!(
            bootstrap(&units, settings(100, 1.5)),
            Err(StatsError::Confidence { .. })
        ));
        assert!(matches!(
            paired_bootstrap(&units, &units[..1], SETTINGS),
            Err(StatsError::Unpaired { .. })
        ));
        let huge = ratios(&[(f64::MAX, 1.0), (f64::MAX, 1.0)]);
        assert!(matches!(bootstrap(&huge, SETTINGS), Err(StatsError::NotFinite { .. })));
    }

    /// A unit of skewed length whose numerator follows it: like the bits and bytes of a conversation. True ratio 2.
    fn unit(draws: &mut Draws, excess: f64) -> (f64, f64) {
        let length = (5.0 + 0.7 * draws.normal()).exp();
        (length * (2.0 + excess + 0.5 * draws.normal()), length)
    }

    #[test]
    fn an_interval_of_a_ratio_over_30_units_covers_it_in_95_of_100_repetitions() {
        let mut draws = Draws::new(5);
        let covered = coverage(2_000, 2.0, || {
            let pairs: Vec<_> = (0..30).map(|_| unit(&mut draws, 0.0)).collect();
            bootstrap(
                &ratios(&pairs),
                Resampling {
                    resamples: 500,
                    ..SETTINGS
                },
            )
            .unwrap()
        });
        assert!((0.93..0.965).contains(&covered), "{covered}");
    }

    #[test]
    fn a_paired_interval_covers_the_difference_and_is_narrower_than_an_unpaired_one() {
        let mut draws = Draws::new(6);
        let (mut paired, mut unpaired) = (0.0, 0.0);
        let settings = Resampling {
            resamples: 500,
            ..SETTINGS
        };
        let covered = coverage(1_000, 0.1, || {
            let other: Vec<_> = (0..30).map(|_| unit(&mut draws, 0.0)).collect();
            // The first subject finds hard what the other finds hard, and costs a tenth of a bit more.
            let first = other
                .iter()
                .map(|(bits, bytes)| (bits + bytes * (0.1 + 0.1 * draws.normal()), *bytes));
            let (first, other) = (ratios(&first.collect::<Vec<_>>()), ratios(&other));
            let found = paired_bootstrap(&first, &other, settings).unwrap();
            paired += found.high - found.low;
            let alone = bootstrap(&first, settings).unwrap();
            unpaired += alone.high - alone.low;
            found
        });
        assert!((0.925..0.97).contains(&covered), "{covered}");
        assert!(paired < unpaired / 3.0, "{paired} against {unpaired}");
    }
}
