//! The paths that code names, with `use` resolved: after `use std::env as e;`, `e::var(…)` is `std::env::var`.
//!
//! Knows neither scopes nor glob imports nor macros: enough to ask who names `std::env`.

use std::collections::HashMap;

/// A path or a single identifier in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Where it stands, in bytes.
    pub(crate) offset: usize,
    /// Its segments, joined by `::`.
    pub(crate) path: String,
}

impl Name {
    /// Whether it is this path or lies below it.
    pub(crate) fn is_below(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// Every path that blanked code names, in order.
pub(super) fn of(code: &str) -> Vec<Name> {
    let mut names = Vec::new();
    let mut imports = HashMap::new();
    let mut at = 0;
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        let path = leading_path(rest);
        if path == "use" {
            let statement = rest.split_once(';').map_or(rest, |(statement, _)| statement);
            for (path, called) in expand(statement.trim_start_matches("use")) {
                imports.insert(called, path.clone());
                names.push(Name { offset: at, path });
            }
            at += statement.len();
        } else if path.is_empty() {
            at += rest.chars().next().map_or(1, char::len_utf8);
        } else {
            names.push(Name {
                offset: at,
                path: path.to_owned(),
            });
            at += path.len();
        }
    }
    for name in &mut names {
        let (first, rest) = name.path.split_at(name.path.find("::").unwrap_or(name.path.len()));
        if let Some(import) = imports.get(first).filter(|import| !name.is_below(import)) {
            name.path = format!("{import}{rest}");
        }
    }
    names
}

/// The path that the text begins with; empty where it begins with none.
fn leading_path(text: &str) -> &str {
    let word = |text: &str| {
        text.find(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .unwrap_or(text.len())
    };
    let mut end = word(text);
    while end > 0 {
        let more = text.get(end..).and_then(|rest| rest.strip_prefix("::")).map_or(0, word);
        if more == 0 {
            break;
        }
        end += "::".len() + more;
    }
    text.get(..end).unwrap_or("")
}

/// The leaves of a use tree: each a full path and the name it goes by here.
fn expand(tree: &str) -> Vec<(String, String)> {
    let spaced = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut leaves = Vec::new();
    descend("", &spaced, &mut leaves);
    leaves
}

fn descend(prefix: &str, tree: &str, leaves: &mut Vec<(String, String)>) {
    if let Some((head, inner)) = tree.split_once('{') {
        let prefix = format!("{prefix}{}", head.trim());
        let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
        for part in parts(inner) {
            descend(&prefix, part, leaves);
        }
    } else if !tree.trim().is_empty() {
        let (path, called) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path = format!("{prefix}{}", path.trim());
        let path = path.strip_suffix("::self").unwrap_or(&path).trim_start_matches("::");
        let last = path.rsplit("::").next().unwrap_or(path);
        let called = if called.is_empty() { last } else { called.trim() };
        leaves.push((path.to_owned(), called.to_owned()));
    }
}

/// Splits at the commas that stand in no braces.
fn parts(inner: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    inner
        .split(move |letter| {
            depth += match letter {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            letter == ',' && depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        of(code).into_iter().map(|name| name.path).collect()
    }

    #[test]
    fn expands_nested_imports() {
        let code = "use std::{env, io::{self, Write as _}, time::Instant};";
        assert_eq!(
            paths(code),
            ["std::env", "std::io", "std::io::Write", "std::time::Instant"]
        );
    }

    #[test]
    fn resolves_what_was_imported() {
        let code = "use std::env as e;\nuse tokio::time::Instant;\ne::var(); Instant::now(); x.await";
        assert_eq!(
            paths(code),
            [
                "std::env",
                "tokio::time::Instant",
                "std::env::var",
                "tokio::time::Instant::now",
                "x",
                "await"
            ]
        );
    }

    #[test]
    fn says_where_a_name_stands() {
        assert_eq!(of("a\n  std::env::var")[1].offset, 4);
    }

    #[test]
    fn below_means_whole_segments() {
        let name = &of("std::environment")[0];
        assert!(!name.is_below("std::env"));
        assert!(name.is_below("std"));
    }
}
