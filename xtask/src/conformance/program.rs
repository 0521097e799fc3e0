//! Our own program as foreign ones meet it: built in release, on the data of a demo, serving on a port of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::say;
use crate::Failure;

/// How long the demo's student is trained, in seconds: its answers need not be good.
const TRAIN_SECONDS: &str = "30";

/// Builds `cultivar` in release; its path.
pub(crate) fn build(root: &Path, target: &Path) -> Result<PathBuf, Failure> {
    say("building `cultivar` in release")?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--quiet", "--package", "cultivar"])
        .current_dir(root);
    // `cargo run` describes this package in variables; `ring` would be built anew because they differ, and all above it.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    finish(&mut cargo)?;
    Ok(target.join("release/cultivar"))
}

/// The `cultivar` that was given, or one that is built now.
pub(super) fn given_or_built(given: Option<&Path>, root: &Path, target: &Path) -> Result<PathBuf, Failure> {
    match given {
        Some(given) => given.canonicalize().map_err(Failure::at(given.display())),
        None => build(root, target),
    }
}

/// Makes a data directory with `cultivar demo --exit`, in place of the one that lies there.
pub(super) fn demo(cultivar: &Path, target: &Path) -> Result<PathBuf, Failure> {
    let data_dir = target.join("conformance-data");
    say("making a data directory with `cultivar demo --exit`")?;
    if data_dir.exists() {
        fs::remove_dir_all(&data_dir).map_err(Failure::at(data_dir.display()))?;
    }
    let demo = ["demo", "--exit", "--train-seconds", TRAIN_SECONDS, "--data-dir"];
    finish(Command::new(cultivar).args(demo).arg(&data_dir).stdout(Stdio::null()))?;
    Ok(data_dir)
}

/// How long the server may take to end, in tenths of a second.
const PATIENCE_TENTHS: u32 = 100;

/// A `cultivar serve` that is stopped when this goes out of scope.
pub(super) struct Server {
    child: Child,
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(super) url: String,
}

impl Server {
    /// Serves a data directory on a free port of this machine.
    pub(super) fn start(cultivar: &Path, data_dir: &Path) -> Result<Self, Failure> {
        let serve = [
            "serve",
            "--quiet",
            "--format",
            "json",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
        ];
        let mut child = Command::new(cultivar)
            .args(serve)
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::at("cultivar serve"))?;
        let url = child.stdout.take().and_then(|stdout| {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let url = lines.find_map(|line| address(&line));
            thread::spawn(move || lines.for_each(drop));
            url
        });
        let mut server = Self {
            child,
            url: String::new(),
        };
        server.url = url.ok_or_else(|| Failure::new("cultivar serve", "it ended without an address"))?;
        Ok(server)
    }
}

impl Drop for Server {
    /// Interrupts it as a person would, so that it ends what it has begun; kills it where it does not end.
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        for _ in 0..PATIENCE_TENTHS {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The origin of the first URL on a line.
pub(crate) fn address(line: &str) -> Option<String> {
    let url = line.get(line.find("http://")?..)?;
    let authority = url.trim_start_matches("http://");
    let end = authority.find(|letter: char| !letter.is_ascii_alphanumeric() && !".:[]-".contains(letter));
    let authority = authority.get(..end.unwrap_or(authority.len()))?;
    Some(format!("http://{}", authority.trim_end_matches(['.', ':'])))
}

fn finish(command: &mut Command) -> Result<(), Failure> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let name = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let status = command.stdin(Stdio::null()).status().map_err(Failure::at(&name))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(name, status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_origin_on_a_line() {
        for line in [
            "http://127.0.0.1:80",
            "listening on http://127.0.0.1:80.",
            r#"{"url":"http://127.0.0.1:80/v1"}"#,
        ] {
            assert_eq!(address(line).as_deref(), Some("http://127.0.0.1:80"), "{line}");
        }
        assert_eq!(address("listening"), None);
    }
}
