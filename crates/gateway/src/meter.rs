//! What an answer cost.

use cultivar_record::{MicroUsd, Price, Usage, chat::ChatUsage};

/// The usage that the provider reported; nothing reported counts as nothing.
pub(crate) fn usage(reported: Option<&ChatUsage>) -> Usage {
    reported.map_or_else(Usage::default, |usage| Usage {
        prompt: usage.prompt_tokens,
        completion: usage.completion_tokens,
    })
}

/// The cost of a usage at a price, each kind of token rounded up.
pub(crate) fn charge(usage: Usage, price: Price) -> MicroUsd {
    MicroUsd::for_tokens(usage.prompt, price.prompt_per_million)
        + MicroUsd::for_tokens(usage.completion, price.completion_per_million)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cultivar_record::TokenCount;

    #[test]
    fn each_kind_of_token_has_its_price() {
        let usage = Usage {
            prompt: TokenCount::new(1_000),
            completion: TokenCount::new(500),
        };
        let price = Price {
            prompt_per_million: MicroUsd::new(150_000),
            completion_per_million: MicroUsd::new(600_000),
        };
        assert_eq!(charge(usage, price), MicroUsd::new(150 + 300));
    }
}
