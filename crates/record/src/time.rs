//! Moments, to the microsecond, UTC.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::Error as _};

use crate::RecordError;

/// A moment in microseconds since 1970-01-01T00:00:00Z, written as RFC 3339 text of fixed width
/// (`2026-11-24T11:17:08.000123Z`), so that text sorts as time does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

const EXAMPLE: &str = "2026-11-24T11:17:08.000123Z";
/// 9998-12-31T23:59:59.999999Z: the end of the last year that has four digits in every time zone.
const LAST_MICROS: i64 = 253_370_764_799_999_999;

impl Timestamp {
    /// A moment from microseconds since the epoch, kept within the years 1970 to 9998.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(0, LAST_MICROS))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> u64 {
        (self.0 / 1_000).unsigned_abs()
    }

    /// Whole seconds since the epoch, as OpenAI's `created` wants them.
    pub const fn seconds(self) -> i64 {
        self.0 / 1_000_000
    }

    /// Milliseconds from `earlier` to this moment, zero where the clock ran backwards.
    pub fn millis_since(self, earlier: Self) -> u64 {
        (self.0.saturating_sub(earlier.0).max(0) / 1_000).unsigned_abs()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{moment:.6}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment: jiff::Timestamp = text
            .parse()
            .map_err(|e: jiff::Error| RecordError::malformed("time", text, e.to_string(), EXAMPLE))?;
        Ok(Self::from_micros(moment.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_fixed_width_and_reads_back() {
        for micros in [0, 1, 1_000_000, 1_795_519_028_000_123, LAST_MICROS] {
            let text = Timestamp::from_micros(micros).to_string();
            assert_eq!(text.len(), EXAMPLE.len(), "{text}");
            assert_eq!(text.parse::<Timestamp>().unwrap().micros(), micros);
        }
    }
}
