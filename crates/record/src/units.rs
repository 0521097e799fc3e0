//! Units: money, tokens, bytes. A number without its unit does not leave a function.

use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// This many.
            pub const fn new(count: $inner) -> Self {
                Self(count)
            }

            /// The bare number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::default(), Add::add)
            }
        }
    };
}

unit! {
    /// Money in millionths of a US dollar. Sums saturate.
    MicroUsd, i64
}
unit! {
    /// A number of tokens of some tokenizer. Sums saturate.
    TokenCount, u64
}
unit! {
    /// A number of bytes of UTF-8 text or of a file. Sums saturate.
    ByteCount, u64
}

impl MicroUsd {
    /// The cost of some tokens at a price per million tokens, rounded up to the next millionth of a dollar.
    pub fn for_tokens(tokens: TokenCount, per_million: Self) -> Self {
        let product = i128::from(tokens.get()) * i128::from(per_million.get());
        let micro = product.div_euclid(1_000_000) + i128::from(product.rem_euclid(1_000_000) != 0);
        Self(i64::try_from(micro).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micro = self.0.unsigned_abs();
        write!(f, "{sign}${}.{:06}", micro / 1_000_000, micro % 1_000_000)
    }
}

impl fmt::Display for TokenCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_rounded_up_and_never_wraps() {
        let price = MicroUsd::new(150_000);
        assert_eq!(MicroUsd::for_tokens(TokenCount::new(1), price), MicroUsd::new(1));
        assert_eq!(MicroUsd::for_tokens(TokenCount::new(1_000_000), price), price);
        assert_eq!(
            MicroUsd::for_tokens(TokenCount::new(u64::MAX), MicroUsd::new(i64::MAX)).get(),
            i64::MAX
        );
        assert_eq!(MicroUsd::new(-1_500_000).to_string(), "-$1.500000");
    }
}
