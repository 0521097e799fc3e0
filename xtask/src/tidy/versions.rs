//! Versions of dependencies stand once, in `[workspace.dependencies]` of the root.

use toml::Value;

use super::{Finding, Rule};
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    name: "versions",
    check,
};

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for each in &tree.crates {
        for (_, name, value) in each.dependencies() {
            if value.get("workspace") != Some(&Value::Boolean(true)) {
                let advice = format!(
                    "`{name}` has its own version: put it into the root's `[workspace.dependencies]`, here `{name}.workspace = true`"
                );
                findings.push(Finding::new(each.manifest_path(), each.line_of(name), advice));
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
    fn a_version_of_its_own_is_found() {
        let text = "[package]\nname = 'a'\n[dependencies]\none.workspace = true\ntwo = '2'\nthree = { workspace = true }\n[dev-dependencies]\nfour = { path = '../four' }\n";
        let files = [("crates/a/Cargo.toml", text)];
        assert_eq!(
            places(&RULE, &files),
            ["crates/a/Cargo.toml:5", "crates/a/Cargo.toml:8"]
        );
    }
}
