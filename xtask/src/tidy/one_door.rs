//! One door: the client that opens a socket to a provider is named in the gateway only.

use super::{Finding, Rule, named_outside};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "one-door",
    check,
};

/// What opens sockets to others.
const CLIENTS: [&str; 4] = ["reqwest", "hyper_util::client", "hyper::client", "hyper_rustls"];

fn check(tree: &Tree) -> Vec<Finding> {
    named_outside(tree, &["crates/gateway"], &CLIENTS)
        .map(|(source, line, _)| {
            let advice =
                "a client that opens sockets outside the gateway: every model call goes through `cultivar-gateway`";
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
        let code = "//! reqwest\nuse hyper_util::client::legacy::Client;\n";
        let files = [
            ("crates/gateway/src/lib.rs", code),
            ("crates/pipeline/src/lib.rs", code),
        ];
        assert_eq!(places(&RULE, &files), ["crates/pipeline/src/lib.rs:2"]);
    }
}
