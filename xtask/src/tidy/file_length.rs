//! A file has at most 600 lines; more than 400 are noted.

use super::{Finding, Rule};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "file-length",
    check,
};

const WANTED: usize = 400;
const MOST: usize = 600;

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let lines = source.text.lines().count();
        if lines > MOST {
            let advice = format!("{lines} lines, {MOST} is the limit: split it by what it knows");
            findings.push(Finding::new(&source.path, 1, advice));
        } else if lines > WANTED {
            findings.push(Finding::note(
                &source.path,
                1,
                format!("{lines} lines, {WANTED} are wanted"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::Weight;

    fn weight(lines: usize) -> Option<Weight> {
        let tree = Tree::of([("crates/a/src/lib.rs", "x\n".repeat(lines))]).unwrap();
        check(&tree).first().map(|finding| finding.weight)
    }

    #[test]
    fn long_files_are_noted_then_refused() {
        assert_eq!(weight(400), None);
        assert_eq!(weight(401), Some(Weight::Noted));
        assert_eq!(weight(600), Some(Weight::Noted));
        assert_eq!(weight(601), Some(Weight::Fails));
    }
}
