//! One door: the client that opens a socket to a provider is named in the gateway only. What else speaks HTTP, as a command does
//! with a server of ours, does so through the gateway's client.

use super::{Finding, Rule, named_outside};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "one-door",
    check,
};

/// What connects.
const CLIENTS: [&str; 4] = ["hyper::client", "hyper_util::client", "hyper_rustls", "reqwest"];

fn check(tree: &Tree) -> Vec<Finding> {
    named_outside(tree, &["crates/gateway"], &CLIENTS)
        .map(|(source, line, client)| {
            let advice = format!("`{client}` outside the gateway: every call goes through `cultivar-gateway`");
            Finding::new(&source.path, line, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn a_second_door_is_found() {
        let code = "//! hyper_util::client\nuse hyper_util::client::legacy::Client;\n";
        let files = [
            ("crates/gateway/src/lib.rs", code),
            ("crates/pipeline/src/lib.rs", code),
        ];
        assert_eq!(places(&RULE, &files), ["crates/pipeline/src/lib.rs:2"]);
    }
}
