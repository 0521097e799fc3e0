//! Percentiles, and what is kept of several rounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long answers took, in microseconds.
#[expect(clippy::struct_field_names, reason = "the unit stands in the name")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct Latency {
    pub(super) p50_us: f64,
    pub(super) p90_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    pub(super) max_us: f64,
}

impl Latency {
    /// Sorts them; all zero where there are none.
    pub(super) fn of(latencies: &mut [Duration]) -> Self {
        latencies.sort_unstable();
        let at = |per_mille: usize| {
            let latency = rank(latencies.len(), per_mille).and_then(|rank| latencies.get(rank));
            latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
        };
        Self {
            p50_us: at(500),
            p90_us: at(900),
            p99_us: at(990),
            p999_us: at(999),
            max_us: at(1_000),
        }
    }
}

/// The place of a percentile among so many sorted values: the smallest value that so many of a thousand do not exceed (nearest
/// rank); `None` among none.
fn rank(count: usize, per_mille: usize) -> Option<usize> {
    let place = (count * per_mille).div_ceil(1_000).max(1);
    (count > 0).then(|| place.min(count) - 1)
}

/// The least of some values; `None` of none.
pub(super) fn least(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    values.into_iter().min_by(f64::total_cmp)
}

/// The greatest of some values; `None` of none.
pub(super) fn greatest(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    values.into_iter().max_by(f64::total_cmp)
}

/// The middle value, the lower one of two; `None` of none.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(rank(values.len(), 500)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut latencies: Vec<Duration> = (1..=1_000).rev().map(Duration::from_micros).collect();
        let latency = Latency::of(&mut latencies);
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
        close(latency.p50_us, 500.0);
        close(latency.p90_us, 900.0);
        close(latency.p99_us, 990.0);
        close(latency.p999_us, 999.0);
        close(latency.max_us, 1_000.0);
    }

    #[test]
    fn few_values_have_percentiles_too() {
        assert_eq!(Latency::of(&mut []), Latency::default());
        let one = Latency::of(&mut [Duration::from_micros(7)]);
        assert!((one.p50_us - one.max_us).abs() < f64::EPSILON && one.max_us > 6.9);
        assert_eq!(
            (rank(1, 0), rank(2, 500), rank(2, 501), rank(0, 500)),
            (Some(0), Some(0), Some(1), None)
        );
    }

    #[test]
    fn of_rounds_the_least_the_greatest_and_the_middle_are_kept() {
        let rounds = [3.0, 1.0, 2.0];
        assert_eq!(
            (least(rounds), greatest(rounds), median(rounds)),
            (Some(1.0), Some(3.0), Some(2.0))
        );
        assert_eq!((least([]), greatest([]), median([])), (None, None, None));
    }
}
