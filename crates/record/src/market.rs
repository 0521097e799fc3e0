//! Markets: jurisdictions in which something is offered.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::Error as _};

use crate::RecordError;

/// An ISO 3166 code (`US`, `CN`, `US-CA`) or a named group such as `EU`: two to eight upper-case letters, digits and hyphens.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Market(String);

impl Market {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Market {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters = text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        let starts = text.bytes().take(2).all(|b| b.is_ascii_uppercase());
        if (2..=8).contains(&text.len()) && letters && starts && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(RecordError::malformed(
                "market",
                text,
                "use an ISO 3166 code or a named group in upper case",
                "US, CN, US-CA, EU",
            ))
        }
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Market {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_upper_case() {
        for good in ["US", "CN", "EU", "US-CA", "GB-ENG"] {
            assert!(good.parse::<Market>().is_ok(), "{good}");
        }
        for bad in ["", "u", "us", "E U", "US-", "-US", "1A", "WORLDWIDE"] {
            assert!(bad.parse::<Market>().is_err(), "{bad}");
        }
    }
}
