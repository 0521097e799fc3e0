//! Installs foreign programs below `target/peers`, once for each list of requirements.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::Failure;

/// A Python environment at `home` that has what a list of requirements names; else, why not, in one line.
pub(crate) fn python(home: &Path, requirements: &Path) -> Result<PathBuf, String> {
    let wanted = fs::read_to_string(requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let names = wanted
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join(" ");
    let python = home.join("bin/python");
    let installed = home.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) && runs(&python) {
        return Ok(python);
    }
    let unable = |step: &str, why: String| format!("{names}: `{step}`: {why}");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home))
        .map_err(|why| unable("python3 -m venv", why))?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--requirement",
        ])
        .arg(requirements))
    .map_err(|why| unable("pip install", why))?;
    fs::copy(requirements, &installed).map_err(|error| unable("cp requirements.txt", error.to_string()))?;
    Ok(python)
}

/// A folder at `home` with what `package.json` in the suite's folder names, and the suite's Node programs beside it: they find
/// only what is installed above them. Else, why not, in one line.
pub(crate) fn node(home: &Path, suite: &Path) -> Result<(), String> {
    let unable = |step: &str, why: String| format!("the packages of package.json: `{step}`: {why}");
    let copy = || -> io::Result<()> {
        fs::create_dir_all(home)?;
        for entry in fs::read_dir(suite)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if path
                .extension()
                .is_some_and(|extension| extension == "mjs" || extension == "json")
            {
                fs::copy(&path, home.join(name))?;
            }
        }
        Ok(())
    };
    copy().map_err(|error| unable("cp *.mjs", error.to_string()))?;
    let (wanted, installed) = (home.join("package.json"), home.join("installed.json"));
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| unable("cp package.json", error.to_string()));
    if fs::read_to_string(&installed).is_ok_and(|installed| read(&wanted) == Ok(installed)) {
        return run(Command::new("node").arg("--version"))
            .map(drop)
            .map_err(|why| unable("node", why));
    }
    // Nothing that a package brings is run while it is installed.
    let options = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--loglevel=error",
    ];
    run(Command::new("npm").arg("install").args(options).current_dir(home))
        .map_err(|why| unable("npm install", why))?;
    fs::copy(&wanted, &installed).map_err(|error| unable("cp package.json", error.to_string()))?;
    Ok(())
}

/// What a suite's folder asks for, with its version: the first requirement, or the first dependency.
pub(crate) fn version(suite: &Path) -> String {
    let read = |name: &str| fs::read_to_string(suite.join(name)).ok();
    if let Some(wanted) = read("requirements.txt") {
        return wanted.lines().next().unwrap_or_default().replace("==", " ");
    }
    let package = read("package.json").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let dependencies = package
        .as_ref()
        .and_then(|package| package.get("dependencies")?.as_object());
    let first = dependencies.and_then(|dependencies| dependencies.iter().next());
    first.map_or_else(String::new, |(name, version)| {
        format!("{name} {}", version.as_str().unwrap_or_default())
    })
}

/// A Go program built from its folder with Debian's own packages, so that nothing is fetched; else, why not, in one line.
pub(crate) fn go(peers: &Path, source: &Path) -> Result<PathBuf, String> {
    let home = peers.join("go");
    let (program, module) = (home.join("verify"), home.join("go.mod"));
    let unable = |step: &str, why: String| format!("golang-go golang-golang-x-mod-dev: `{step}`: {why}");
    // Newer Go rewrites `go.mod`: it is given a copy.
    fs::create_dir_all(&home)
        .and_then(|()| fs::copy(source.join("go.mod"), &module))
        .map_err(|error| unable("cp go.mod", error.to_string()))?;
    run(Command::new("go")
        .arg("build")
        .arg(format!("-modfile={}", module.display()))
        .arg("-o")
        .args([program.as_path(), Path::new(".")])
        .current_dir(source)
        .envs([("GOFLAGS", "-mod=mod"), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local")]))
    .map_err(|why| unable("go build", why))?;
    Ok(program)
}

/// Runs a command to its end; its stdout, or the line of its complaint that says what is wrong.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = if output.stderr.is_empty() {
        output.stdout
    } else {
        output.stderr
    };
    let complaint = String::from_utf8_lossy(&complaint);
    let mut lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines
        .clone()
        .find(|line| line.to_ascii_lowercase().starts_with("error"));
    Err(error
        .or(lines.next_back())
        .map_or_else(|| output.status.to_string(), str::to_owned))
}

/// The same for a program that talks on stderr where others do on stdout.
pub(crate) fn both_of(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Whether an interpreter is there and still starts: a cached one may have outlived the Python it was made from.
fn runs(python: &Path) -> bool {
    run(Command::new(python).arg("--version")).is_ok()
}

/// Runs a foreign program that says its rows on stdout and its troubles on stderr, whatever its exit status.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::at(&name))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
