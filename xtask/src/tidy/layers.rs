//! Imports run only downwards: a crate depends on crates of lower layers, never on a sibling.
//!
//! The test kit may be a dev-dependency anywhere; the workshop depends on no crate of ours.

use std::collections::HashMap;

use super::{Finding, Rule};
use crate::tree::{Crate, Tree};

pub(super) const RULE: Rule = Rule { name: "layers", check };

fn check(tree: &Tree) -> Vec<Finding> {
    let layers: HashMap<_, _> = tree
        .crates
        .iter()
        .map(|each| (each.name.as_str(), each.layer))
        .collect();
    tree.crates.iter().flat_map(|each| check_crate(each, &layers)).collect()
}

fn check_crate(each: &Crate, layers: &HashMap<&str, Option<i64>>) -> Vec<Finding> {
    let path = each.manifest_path();
    let Some(layer) = each.layer else {
        let advice = "no layer: state `layer` in `[package.metadata.cultivar]`";
        return vec![Finding::new(path, 1, advice)];
    };
    let mut findings = Vec::new();
    for (table, name, _) in each.dependencies() {
        let Some(below) = layers.get(name) else { continue };
        let line = each.line_of(name);
        if each.name == "xtask" {
            let advice = format!("the workshop depends on `{name}`: it judges from outside, run the program instead");
            findings.push(Finding::new(&path, line, advice));
        } else if !(name == "cultivar-testkit" && table == "dev-dependencies")
            && below.is_none_or(|below| below >= layer)
        {
            let below = below.map_or("none".to_owned(), |below| below.to_string());
            let advice = format!(
                "layer {layer} depends on `{name}` of layer {below}: imports run downwards, take the value as an argument"
            );
            findings.push(Finding::new(&path, line, advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::places;

    fn manifest(name: &str, layer: u8, dependencies: &str) -> String {
        format!("[package]\nname = '{name}'\n[package.metadata.cultivar]\nlayer = {layer}\n{dependencies}")
    }

    fn found(name: &str, dependencies: &str) -> usize {
        let files = [
            ("crates/low/Cargo.toml", manifest("cultivar-low", 0, "")),
            ("crates/sibling/Cargo.toml", manifest("cultivar-sibling", 1, "")),
            ("crates/high/Cargo.toml", manifest("cultivar-high", 2, "")),
            ("crates/testkit/Cargo.toml", manifest("cultivar-testkit", 1, "")),
            ("crates/it/Cargo.toml", manifest(name, 1, dependencies)),
        ];
        places(&RULE, &files.each_ref().map(|(path, text)| (*path, text.as_str()))).len()
    }

    #[test]
    fn downwards_only() {
        assert_eq!(
            found(
                "it",
                "[dependencies]\ncultivar-low.workspace = true\nserde.workspace = true"
            ),
            0
        );
        assert_eq!(found("it", "[dependencies]\ncultivar-sibling.workspace = true"), 1);
        assert_eq!(found("it", "[dev-dependencies]\ncultivar-high.workspace = true"), 1);
    }

    #[test]
    fn the_test_kit_is_for_tests() {
        assert_eq!(found("it", "[dev-dependencies]\ncultivar-testkit.workspace = true"), 0);
        assert_eq!(found("it", "[dependencies]\ncultivar-testkit.workspace = true"), 1);
    }

    #[test]
    fn the_workshop_depends_on_none_of_ours() {
        assert_eq!(found("xtask", "[dependencies]\ncultivar-low.workspace = true"), 1);
    }

    #[test]
    fn a_crate_states_its_layer() {
        let files = [("crates/a/Cargo.toml", "[package]\nname = 'a'")];
        assert_eq!(places(&RULE, &files), ["crates/a/Cargo.toml:1"]);
    }
}
