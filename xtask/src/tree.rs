//! What `tidy` looks at: the manifests and the Rust files of the workspace, in memory. Knows no rule.

mod lexer;
mod names;
mod regions;

use std::{fs, ops::Range, path::Path};

use toml::Table;

pub(crate) use self::lexer::Literal;
pub(crate) use self::names::Name;
use crate::Failure;

/// The workspace as `tidy` sees it.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) crates: Vec<Crate>,
    pub(crate) sources: Vec<Source>,
}

/// One crate of the workspace.
pub(crate) struct Crate {
    /// Its folder below the root: `crates/store`.
    pub(crate) folder: String,
    /// The package's name: `cultivar-store`.
    pub(crate) name: String,
    /// `layer` in `[package.metadata.cultivar]`.
    pub(crate) layer: Option<i64>,
    /// The whole `Cargo.toml`.
    pub(crate) manifest: Table,
    /// The text of `Cargo.toml`.
    text: String,
}

/// What a Rust file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is part of the product.
    Product,
    /// It tests or measures: below `tests/`, `benches/`, a module under `#[cfg(test)]`, or the test kit.
    Test,
    /// It belongs to the workshop, `xtask`.
    Tool,
}

/// One Rust file.
pub(crate) struct Source {
    /// Below the root, with `/`: `crates/store/src/lib.rs`.
    pub(crate) path: String,
    /// The folder of its crate: `crates/store`.
    pub(crate) home: String,
    pub(crate) purpose: Purpose,
    pub(crate) text: String,
    /// The text with comments and the insides of literals blanked, at the same byte offsets.
    pub(crate) code: String,
    pub(crate) literals: Vec<Literal>,
    /// The paths and single identifiers that the code names, imports resolved.
    pub(crate) names: Vec<Name>,
    /// Where `#[cfg(test)]` items lie in `code`, in bytes.
    tests: Vec<Range<usize>>,
}

/// The dependency tables of a manifest.
pub(crate) const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

impl Tree {
    /// Reads `crates/*` and `xtask` below the root.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for folder in ["crates", "xtask"] {
            collect(root, &root.join(folder), &mut files)?;
        }
        files.sort();
        Self::of(files)
    }

    /// The tree of these files, each a path below the root and its text.
    pub(crate) fn of<P: Into<String>, T: Into<String>>(
        files: impl IntoIterator<Item = (P, T)>,
    ) -> Result<Self, Failure> {
        let mut tree = Self::default();
        let mut rust: Vec<(String, String)> = Vec::new();
        for (path, text) in files {
            let (path, text) = (path.into(), text.into());
            match path.strip_suffix("/Cargo.toml") {
                Some(folder) => tree.crates.push(Crate::parse(folder, text)?),
                None => rust.push((path, text)),
            }
        }
        tree.sources = rust.into_iter().map(|(path, text)| Source::parse(path, text)).collect();
        tree.mark_test_files();
        Ok(tree)
    }

    /// `#[cfg(test)] mod NAME;` makes a test of the file `NAME.rs` and of all below `NAME/`.
    fn mark_test_files(&mut self) {
        let stems: Vec<String> = self
            .sources
            .iter()
            .flat_map(|source| {
                let folder = regions::module_folder(&source.path);
                source
                    .tests
                    .iter()
                    .filter_map(|range| source.code.get(range.clone()))
                    .filter_map(regions::declared_module)
                    .map(move |name| format!("{folder}/{name}"))
            })
            .collect();
        for source in &mut self.sources {
            let below = |stem: &String| {
                source
                    .path
                    .strip_prefix(stem.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            if stems.iter().any(below) {
                source.purpose = Purpose::Test;
            }
        }
    }
}

impl Crate {
    fn parse(folder: &str, text: String) -> Result<Self, Failure> {
        let path = format!("{folder}/Cargo.toml");
        let manifest: Table = text.parse().map_err(Failure::at(&path))?;
        let package = manifest.get("package");
        let name = package
            .and_then(|package| package.get("name")?.as_str())
            .ok_or_else(|| Failure::new(&path, "`package.name` is missing"))?
            .to_owned();
        let layer = package.and_then(|package| package.get("metadata")?.get("cultivar")?.get("layer")?.as_integer());
        Ok(Self {
            folder: folder.to_owned(),
            name,
            layer,
            manifest,
            text,
        })
    }

    /// The path of its manifest below the root.
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// Every dependency: its table, its key and what is said of it.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = (&'static str, &str, &toml::Value)> {
        DEPENDENCY_TABLES.into_iter().flat_map(|table| {
            let entries = self.manifest.get(table).and_then(toml::Value::as_table);
            entries
                .into_iter()
                .flatten()
                .map(move |(key, value)| (table, key.as_str(), value))
        })
    }

    /// The first line of the manifest that begins with this text, or the first line of all.
    pub(crate) fn line_of(&self, beginning: &str) -> usize {
        let found = self.text.lines().position(|line| line.starts_with(beginning));
        found.map_or(1, |index| index + 1)
    }
}

impl Source {
    fn parse(path: String, text: String) -> Self {
        let (code, literals) = lexer::blank(&text);
        let tests = regions::test_items(&code);
        let names = names::of(&code);
        let home = path.split('/').take(if path.starts_with("crates/") { 2 } else { 1 });
        let home = home.collect::<Vec<_>>().join("/");
        Self {
            purpose: purpose(&path, &home),
            path,
            home,
            text,
            code,
            literals,
            names,
            tests,
        }
    }

    /// The line, from 1, of a byte offset.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        let before = self.text.bytes().take(offset);
        before.filter(|byte| *byte == b'\n').count() + 1
    }

    /// Whether a byte offset belongs to the product: neither the file nor the item around it is a test.
    pub(crate) fn is_product(&self, offset: usize) -> bool {
        self.purpose == Purpose::Product && !self.tests.iter().any(|range| range.contains(&offset))
    }

    /// The functions with a body: name, byte offset of `fn`, and their lines from `fn` to the closing brace.
    pub(crate) fn functions(&self) -> Vec<regions::Function> {
        regions::functions(&self.code)
    }
}

fn purpose(path: &str, home: &str) -> Purpose {
    let inside = path.strip_prefix(home).unwrap_or(path);
    match home {
        "xtask" => Purpose::Tool,
        "crates/testkit" => Purpose::Test,
        _ if inside.starts_with("/tests/") || inside.starts_with("/benches/") => Purpose::Test,
        _ => Purpose::Product,
    }
}

/// Adds every `.rs` and `Cargo.toml` below a folder.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::at(folder.display()))? {
        let path = entry.map_err(Failure::at(folder.display()))?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") || path.ends_with("Cargo.toml") {
            let text = fs::read_to_string(&path).map_err(Failure::at(path.display()))?;
            let below = path.strip_prefix(root).unwrap_or(&path);
            files.push((below.to_string_lossy().replace('\\', "/"), text));
        }
    }
    Ok(())
}
