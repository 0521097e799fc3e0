//! Layer 0 and the pure crates are synchronous and do no input or output: they decide, others act.

use super::{Finding, Rule, named};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule { name: "pure", check };

/// The crates that know nothing of the world around them.
const PURE: [&str; 11] = [
    "crates/record",
    "crates/stats",
    "crates/ledger",
    "crates/policy",
    "crates/attest",
    "crates/privacy",
    "crates/forensics",
    "crates/dialect",
    "crates/limits",
    "crates/own",
    "crates/papers",
];

/// What acts or waits.
const EFFECTS: [&str; 12] = [
    "async",
    "await",
    "futures_util",
    "tokio",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "std::io::stdin",
];

fn check(tree: &Tree) -> Vec<Finding> {
    let pure = tree
        .sources
        .iter()
        .filter(|source| PURE.contains(&source.home.as_str()));
    pure.flat_map(|source| named(source, &EFFECTS))
        .map(|(source, line, effect)| {
            let advice = format!("`{effect}` in a pure crate: take the value as an argument, act in a flow above");
            Finding::new(&source.path, line, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn pure_crates_neither_wait_nor_act() {
        let code =
            "//! async in words\nasync fn f() {\n x.await;\n}\nuse std::{fmt, fs};\nfn g() { fs::read(\"tokio\") }\n";
        let files = [("crates/ledger/src/lib.rs", code), ("crates/store/src/lib.rs", code)];
        let lines = [2, 3, 5, 6].map(|line| format!("crates/ledger/src/lib.rs:{line}"));
        assert_eq!(places(&RULE, &files), lines);
    }

    #[test]
    fn an_address_is_a_value() {
        let files = [(
            "crates/privacy/src/lib.rs",
            "use std::net::IpAddr;\nuse std::net::TcpStream;\n",
        )];
        assert_eq!(places(&RULE, &files), ["crates/privacy/src/lib.rs:2"]);
    }

    #[test]
    fn their_tests_may() {
        let files = [("crates/ledger/tests/it/main.rs", "use std::fs;")];
        assert!(places(&RULE, &files).is_empty());
    }
}
