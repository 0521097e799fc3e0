//! Where time and randomness come from, so that everything below the binary is a function of its arguments.

use crate::{Seed, Timestamp};

/// The clock and the source of randomness. The binary implements it over the system; tests implement it over a counter.
pub trait Ambient: Send + Sync {
    /// The time now, UTC.
    fn now(&self) -> Timestamp;

    /// 32 unpredictable bytes, fit for keys and salts.
    fn entropy(&self) -> [u8; 32];

    /// A seed for a pseudo-random generator whose results are recorded.
    fn seed(&self) -> Seed {
        let [a, b, c, d, e, f, g, h, ..] = self.entropy();
        Seed::new(u64::from_le_bytes([a, b, c, d, e, f, g, h]) >> 11)
    }
}
