//! A crate's doc begins with one sentence that describes the crate.

use super::{Finding, Rule};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "crate-doc",
    check,
};

/// Fewer words describe nothing.
const WORDS: usize = 3;

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let root = ["/src/lib.rs", "/src/main.rs"]
            .iter()
            .any(|root| source.path == format!("{}{root}", source.home));
        if root && !describes(&paragraph(&source.text)) {
            let advice =
                format!("the crate's doc begins with no sentence: say in {WORDS} words or more what the crate does");
            findings.push(Finding::new(&source.path, 1, advice));
        }
    }
    findings
}

/// The first paragraph of the `//!` doc, on one line.
fn paragraph(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// Whether a paragraph begins with a sentence: no heading, some words, a full stop.
fn describes(paragraph: &str) -> bool {
    let sentence = paragraph.split_inclusive('.').next().unwrap_or("");
    sentence.ends_with('.') && !sentence.starts_with('#') && sentence.split_whitespace().count() >= WORDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    fn found(text: &str) -> bool {
        !places(&RULE, &[("crates/a/src/lib.rs", text)]).is_empty()
    }

    #[test]
    fn a_crate_describes_itself() {
        assert!(!found(
            "//! Finds personal data\n//! in text.\n//!\n//! More.\nuse a;\n"
        ));
        for text in [
            "",
            "//! Stub.\n",
            "//! # A heading of some words.\n",
            "//! one that never comes to an end\n",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn other_files_are_not_crates() {
        assert!(places(&RULE, &[("crates/a/src/b.rs", "")]).is_empty());
    }
}
