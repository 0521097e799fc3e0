//! A crate has at most 6,000 lines below `src`.

use super::{Finding, Rule};
use crate::tree::{Crate, Tree};

pub(super) const RULE: Rule = Rule {
    name: "crate-size",
    check,
};

const MOST: usize = 6_000;

fn check(tree: &Tree) -> Vec<Finding> {
    let sizes = tree.crates.iter().map(|each| (each, lines(tree, each)));
    sizes
        .filter(|(_, lines)| *lines > MOST)
        .map(|(each, lines)| {
            let advice = format!("{lines} lines below `src`, {MOST} is the limit: split the crate along its layer");
            Finding::new(each.manifest_path(), 1, advice)
        })
        .collect()
}

fn lines(tree: &Tree, each: &Crate) -> usize {
    let below = format!("{}/src/", each.folder);
    let sources = tree.sources.iter().filter(|source| source.path.starts_with(&below));
    sources.map(|source| source.text.lines().count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn a_crate_that_is_too_large_is_found() {
        let (half, more) = ("x\n".repeat(3_000), "x\n".repeat(3_001));
        let files = [
            ("crates/a/Cargo.toml", "[package]\nname = 'a'"),
            ("crates/a/src/lib.rs", &half),
            ("crates/a/src/b.rs", &half),
            ("crates/a/tests/it/main.rs", &half),
            ("crates/c/Cargo.toml", "[package]\nname = 'c'"),
            ("crates/c/src/lib.rs", &half),
            ("crates/c/src/b.rs", &more),
        ];
        assert_eq!(places(&RULE, &files), ["crates/c/Cargo.toml:1"]);
    }
}
