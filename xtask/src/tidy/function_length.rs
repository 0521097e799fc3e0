//! A function has at most 80 lines, from `fn` to its closing brace.

use super::{Finding, Rule};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "function-length",
    check,
};

const MOST: usize = 80;

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        for function in source.functions().iter().filter(|function| function.lines > MOST) {
            let advice = format!(
                "`{}` has {} lines, {MOST} is the limit: name its steps and move them out",
                function.name, function.lines
            );
            findings.push(Finding::new(&source.path, source.line_at(function.offset), advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn a_long_function_is_found_where_it_begins() {
        let long = |lines: usize| format!("fn f() {{\n{}}}\n", "    g(\"}\"); // }\n".repeat(lines - 2));
        let text = format!("{}{}", long(80), long(81));
        assert_eq!(
            places(&RULE, &[("crates/a/src/lib.rs", &text)]),
            ["crates/a/src/lib.rs:81"]
        );
    }
}
