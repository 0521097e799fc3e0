//! `cargo xtask tidy`: the rules of the house that no compiler knows. One rule, one file, one shape.

mod ambient;
mod crate_doc;
mod crate_size;
mod features;
mod file_length;
mod function_length;
mod http_inwards;
mod layers;
mod module_docs;
mod module_names;
mod one_door;
mod pure;
mod sql;
mod versions;

use std::{
    fmt::{self, Display},
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use crate::{
    Failure,
    tree::{Source, Tree},
};

/// A rule: its name and what it finds.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// The rules, in the order in which they report.
const RULES: [Rule; 14] = [
    layers::RULE,
    versions::RULE,
    features::RULE,
    pure::RULE,
    ambient::RULE,
    one_door::RULE,
    http_inwards::RULE,
    sql::RULE,
    module_names::RULE,
    module_docs::RULE,
    crate_doc::RULE,
    file_length::RULE,
    function_length::RULE,
    crate_size::RULE,
];

/// Whether a finding fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Fails,
    Noted,
}

/// One place where a rule is not kept.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1.
    line: usize,
    weight: Weight,
    /// What is wrong, and what to do.
    advice: String,
}

impl Finding {
    /// A finding that fails the run.
    fn new(path: impl Into<String>, line: usize, advice: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line,
            weight: Weight::Fails,
            advice: advice.into(),
        }
    }

    /// A finding that is said and no more.
    fn note(path: impl Into<String>, line: usize, advice: impl Into<String>) -> Self {
        Self {
            weight: Weight::Noted,
            ..Self::new(path, line, advice)
        }
    }
}

impl Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.advice)?;
        match self.weight {
            Weight::Fails => Ok(()),
            Weight::Noted => write!(out, " (a note, no failure)"),
        }
    }
}

/// Checks the workspace; says what it finds as `path:line: rule: what, and what to do`.
pub(crate) fn run(root: &Path) -> Result<ExitCode, Failure> {
    let tree = Tree::read(root)?;
    let mut out = io::stdout().lock();
    let mut failures = 0;
    for rule in RULES {
        for finding in (rule.check)(&tree) {
            failures += usize::from(finding.weight == Weight::Fails);
            let Finding { path, line, .. } = &finding;
            writeln!(out, "{path}:{line}: {}: {finding}", rule.name).map_err(Failure::at("stdout"))?;
        }
    }
    let (files, rules) = (tree.sources.len(), RULES.len());
    let verdict = match failures {
        0 => "nothing to tidy".to_owned(),
        _ => format!("to tidy: {failures}"),
    };
    writeln!(out, "tidy: {rules} rules over {files} files; {verdict}").map_err(Failure::at("stdout"))?;
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where the product's code outside these crates names one of these paths: source, line, path as listed.
fn named_outside<'a>(
    tree: &'a Tree,
    homes: &'a [&str],
    paths: &'a [&str],
) -> impl Iterator<Item = (&'a Source, usize, &'a str)> {
    let sources = tree
        .sources
        .iter()
        .filter(|source| !homes.contains(&source.home.as_str()));
    sources.flat_map(|source| named(source, paths))
}

/// Where the product's code in a file names one of these paths, each line once.
fn named<'a>(source: &'a Source, paths: &'a [&str]) -> impl Iterator<Item = (&'a Source, usize, &'a str)> {
    let mut last = 0;
    source.names.iter().filter_map(move |name| {
        let path = paths.iter().find(|path| name.is_below(path))?;
        let line = source.line_at(name.offset);
        let fresh = line != std::mem::replace(&mut last, line);
        (fresh && source.is_product(name.offset)).then_some((source, line, *path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a rule finds in these files, as `path:line`.
    pub(super) fn places(rule: &Rule, files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files.iter().copied()).unwrap();
        let findings = (rule.check)(&tree).into_iter();
        findings
            .map(|finding| format!("{}:{}", finding.path, finding.line))
            .collect()
    }

    #[test]
    fn rules_have_names_of_their_own() {
        let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn a_note_says_that_it_is_one() {
        assert!(Finding::note("a.rs", 1, "long").to_string().contains("no failure"));
        assert_eq!(Finding::new("a.rs", 1, "long").to_string(), "long");
    }

    #[test]
    fn test_code_is_not_the_product() {
        let files = [
            (
                "crates/a/src/lib.rs",
                "#[cfg(test)]\nmod tests {\n use std::env;\n}\n#[cfg(test)]\nmod more;\n",
            ),
            ("crates/a/src/more.rs", "use std::env;"),
            ("crates/a/src/more/deep.rs", "use std::env;"),
            ("crates/a/tests/it/main.rs", "use std::env;"),
            ("crates/testkit/src/lib.rs", "use std::env;"),
            ("xtask/src/main.rs", "use std::env;"),
            ("crates/a/src/real.rs", "use std::env;"),
        ];
        let tree = Tree::of(files).unwrap();
        let found: Vec<_> = named_outside(&tree, &[], &["std::env"])
            .map(|(source, ..)| &source.path)
            .collect();
        assert_eq!(found, ["crates/a/src/real.rs"]);
    }
}
