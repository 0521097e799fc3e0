//! Cargo features exist only in the binary, and only to add a heavy leaf.

use super::{Finding, Rule};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "features",
    check,
};

/// The only crate with features.
const BINARY: &str = "cultivar";

fn check(tree: &Tree) -> Vec<Finding> {
    let featured = tree
        .crates
        .iter()
        .filter(|each| each.name != BINARY && each.manifest.contains_key("features"));
    featured
        .map(|each| {
            let advice = "cargo features outside the binary: make it a value, or a leaf that `cultivar` adds";
            Finding::new(each.manifest_path(), each.line_of("[features]"), advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn only_the_binary_has_features() {
        let files = [
            (
                "crates/a/Cargo.toml",
                "[package]\nname = 'cultivar-a'\n[features]\nx = []",
            ),
            (
                "crates/cultivar/Cargo.toml",
                "[package]\nname = 'cultivar'\n[features]\nx = []",
            ),
            ("crates/b/Cargo.toml", "[package]\nname = 'cultivar-b'"),
        ];
        assert_eq!(places(&RULE, &files), ["crates/a/Cargo.toml:3"]);
    }
}
