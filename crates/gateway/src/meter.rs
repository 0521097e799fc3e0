//! What an answer cost.

use cultivar_record::{MicroUsd, Price, TokenCount, Usage};

/// Bytes of text that are one token on average: for what no provider counted.
const BYTES_PER_TOKEN: u64 = 4;

/// The cost of a usage at a price, each kind of token rounded up.
pub(crate) fn charge(usage: Usage, price: Price) -> MicroUsd {
    price_of(usage.prompt, usage.completion, price)
}

/// The cost of tokens at a price, each kind of token rounded up.
pub(crate) fn price_of(prompt: TokenCount, completion: TokenCount, price: Price) -> MicroUsd {
    MicroUsd::for_tokens(prompt, price.prompt_per_million)
        + MicroUsd::for_tokens(completion, price.completion_per_million)
}

/// The usage of an answer that broke off before its provider counted: from the length of the request and the pieces that
/// came, which are a token each in nearly every stream.
pub(crate) fn estimate(request_bytes: u64, pieces: u64) -> Usage {
    Usage {
        prompt: TokenCount::new(request_bytes.div_ceil(BYTES_PER_TOKEN)),
        completion: TokenCount::new(pieces),
        estimated: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_token_has_its_price() {
        let usage = Usage::counted(TokenCount::new(1_000), TokenCount::new(500));
        let price = Price {
            prompt_per_million: MicroUsd::new(150_000),
            completion_per_million: MicroUsd::new(600_000),
        };
        assert_eq!(charge(usage, price), MicroUsd::new(150 + 300));
    }
}
