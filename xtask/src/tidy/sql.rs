//! SQL text stands in `store` only: others call its functions. Tests may look at rows, which are part of the visible world.

use super::{Finding, Rule};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule { name: "sql", check };

/// How statements begin, as they are written here: in capitals.
const STATEMENTS: [&str; 8] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "ALTER TABLE ",
    "PRAGMA ",
];

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| source.home != "crates/store") {
        for literal in source
            .literals
            .iter()
            .filter(|literal| source.is_product(literal.offset))
        {
            if let Some(statement) = STATEMENTS.iter().find(|statement| literal.text.contains(**statement)) {
                let advice = format!(
                    "`{}` in a string: SQL lives in `cultivar-store`, add a query there",
                    statement.trim()
                );
                findings.push(Finding::new(&source.path, source.line_at(literal.offset), advice));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn statements_are_found_in_strings_only() {
        let code = "// SELECT 1\nfn f() { g(\"select\", \"SELECTED\"); }\nfn h() { q(r#\"\n SELECT id FROM t\"#); }\n";
        let files = [
            ("crates/store/src/lib.rs", code),
            ("crates/web/src/lib.rs", code),
            ("crates/web/tests/it/main.rs", code),
        ];
        assert_eq!(places(&RULE, &files), ["crates/web/src/lib.rs:3"]);
    }
}
