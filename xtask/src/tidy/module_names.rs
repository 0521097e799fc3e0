//! A module is named after what it knows: no `mod.rs`, and no home for the homeless.

use super::{Finding, Rule};
use crate::tree::{Source, Tree};

pub(super) const RULE: Rule = Rule {
    name: "module-names",
    check,
};

const HOMELESS: [&str; 6] = ["utils", "util", "common", "helpers", "helper", "misc"];

fn check(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let file = source.path.rsplit('/').next().unwrap_or(&source.path);
    if file == "mod.rs" {
        let advice = "`mod.rs`: name the file after the module, beside its folder";
        findings.push(Finding::new(&source.path, 1, advice));
    }
    for (offset, _) in source.code.match_indices("mod ") {
        let after = source.code.get(offset + "mod ".len()..).unwrap_or("");
        let name = after
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .next();
        if let Some(name) = name.filter(|name| HOMELESS.contains(name)) {
            let advice = format!("a module `{name}`: name it after what it knows, or move its content to who uses it");
            findings.push(Finding::new(&source.path, source.line_at(offset), advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    #[test]
    fn homes_for_the_homeless_are_found() {
        let files = [
            (
                "crates/a/src/lib.rs",
                "mod door;\npub(crate) mod utils;\nmod common { }\n// mod misc;\nmod commons;\n",
            ),
            ("crates/a/src/door/mod.rs", ""),
        ];
        let expected = [
            "crates/a/src/lib.rs:2",
            "crates/a/src/lib.rs:3",
            "crates/a/src/door/mod.rs:1",
        ];
        assert_eq!(places(&RULE, &files), expected);
    }
}
