//! Every file begins with a `//!` doc that says what it knows, and what it does not.

use super::{Finding, Rule};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "module-docs",
    check,
};

fn check(tree: &Tree) -> Vec<Finding> {
    let bare = tree.sources.iter().filter(|source| !source.text.starts_with("//! "));
    bare.map(|source| {
        Finding::new(
            &source.path,
            1,
            "no module doc: begin the file with `//! ` and a sentence",
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn a_file_without_its_doc_is_found() {
        let files = [
            ("crates/a/src/lib.rs", "//! Knows doors.\n"),
            ("crates/a/src/b.rs", "use std::fmt;\n//! late\n"),
            ("crates/a/tests/it/main.rs", "/// not of the module\nfn f() {}\n"),
        ];
        assert_eq!(
            places(&RULE, &files),
            ["crates/a/src/b.rs:1", "crates/a/tests/it/main.rs:1"]
        );
    }
}
