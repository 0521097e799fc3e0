//! Seeds: whatever is drawn at random and recorded can be drawn again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The seed of a pseudo-random generator. At most 53 bits, so that JSON numbers carry it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// A seed from its number; bits above the 53rd are dropped.
    pub const fn new(number: u64) -> Self {
        Self(number & ((1 << 53) - 1))
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
