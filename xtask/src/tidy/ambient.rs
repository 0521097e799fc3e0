//! The environment and the clocks are read in the binary only: time and settings are arguments everywhere else.
//!
//! `tokio::time` may be named: waiting is no reading of the clock.

use super::{Finding, Rule, named_outside};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule { name: "ambient", check };

const AMBIENT: [&str; 5] = [
    "std::env",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

fn check(tree: &Tree) -> Vec<Finding> {
    named_outside(tree, &["crates/cultivar"], &AMBIENT)
        .map(|(source, line, path)| {
            let advice =
                format!("`{path}` outside `cultivar`: take a `Timestamp`, an `Ambient` or the setting as an argument");
            Finding::new(&source.path, line, advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn the_binary_reads_clock_and_environment() {
        let code =
            "use std::time::{Duration, Instant};\nfn f() { Instant::now(); }\nfn g() { std::env::var(\"X\"); }\n";
        let files = [("crates/store/src/lib.rs", code), ("crates/cultivar/src/main.rs", code)];
        assert_eq!(
            places(&RULE, &files),
            ["crates/store/src/lib.rs:2", "crates/store/src/lib.rs:3"]
        );
    }

    #[test]
    fn waiting_is_allowed() {
        let files = [(
            "crates/store/src/lib.rs",
            "use tokio::time::{self, Instant};\nfn f() { Instant::now(); time::sleep(d); }\n",
        )];
        assert!(places(&RULE, &files).is_empty());
    }
}
