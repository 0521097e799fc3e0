//! Histograms with fixed bounds: recording is two additions without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Whole numbers of some unit, counted by size. Bounds are inclusive at their upper end.
#[derive(Debug)]
pub(crate) struct Histogram<const BOUNDS: usize> {
    bounds: &'static [u64; BOUNDS],
    counts: [AtomicU64; BOUNDS],
    above: AtomicU64,
    sum: AtomicU64,
}

/// What a histogram holds, in the unit that is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    /// Upper bounds, inclusive.
    pub bounds: Vec<f64>,
    /// How many lie up to each bound and above the one before; the last lie above all.
    pub counts: Vec<u64>,
    /// Their sum.
    pub sum: f64,
}

/// A number of microseconds, tokens or bytes as it is told.
#[expect(clippy::cast_precision_loss, reason = "15 digits are told of what has more than 15")]
pub(crate) const fn approximate(number: u64) -> f64 {
    number as f64
}

impl Counted {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Takes in another histogram with the same bounds.
    pub(crate) fn add(&mut self, other: &Self) {
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own += more;
        }
        self.sum += other.sum;
    }
}

impl<const BOUNDS: usize> Histogram<BOUNDS> {
    pub(crate) fn new(bounds: &'static [u64; BOUNDS]) -> Self {
        Self {
            bounds,
            counts: [const { AtomicU64::new(0) }; BOUNDS],
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a number.
    pub(crate) fn record(&self, number: u64) {
        let place = self.bounds.partition_point(|bound| *bound < number);
        self.counts.get(place).unwrap_or(&self.above).fetch_add(1, Relaxed);
        self.sum.fetch_add(number, Relaxed);
    }

    /// What it holds now; `per_unit` of its numbers are one of the unit that is shown.
    pub(crate) fn read(&self, per_unit: f64) -> Counted {
        let shown = |number: u64| approximate(number) / per_unit;
        let counts = self.counts.iter().chain([&self.above]);
        Counted {
            bounds: self.bounds.iter().map(|bound| shown(*bound)).collect(),
            counts: counts.map(|count| count.load(Relaxed)).collect(),
            sum: shown(self.sum.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_at_a_bound_lies_below_it() {
        let histogram = Histogram::new(&[10, 20]);
        for number in [0, 10, 11, 20, 21, 1_000] {
            histogram.record(number);
        }
        let read = histogram.read(10.0);
        assert_eq!(read.bounds, [1.0, 2.0]);
        assert_eq!(read.counts, [2, 2, 2]);
        assert_eq!(read.count(), 6);
        assert!((read.sum - 106.2).abs() < 1e-9);
    }
}
