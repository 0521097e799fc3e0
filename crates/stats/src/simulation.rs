//! Simulated repetitions, for the tests of this crate.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::Interval;

/// Normal numbers from a seed.
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    pub(crate) fn new(seed: u8) -> Self {
        Self(ChaCha8Rng::from_seed([seed; 32]))
    }

    /// A draw of the standard normal distribution (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (2.0 * std::f64::consts::PI * angle).cos()
    }

    /// A draw between 0 and 1, without the two.
    fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 4_294_967_296.0
    }
}

/// The share of repetitions whose interval covers the truth.
pub(crate) fn coverage(repetitions: u32, truth: f64, mut repeat: impl FnMut() -> Interval) -> f64 {
    let covers = |interval: Interval| interval.low <= truth && truth <= interval.high;
    let covered: u32 = (0..repetitions).map(|_| u32::from(covers(repeat()))).sum();
    f64::from(covered) / f64::from(repetitions)
}
