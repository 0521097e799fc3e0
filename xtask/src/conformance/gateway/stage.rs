//! What the clients meet: a copy of the demo's data directory, served, with a scripted provider behind several models.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{
    super::{
        Context, peers,
        program::{self, Server},
        say,
    },
    python,
};
use crate::Failure;

/// Terms under which the scripted provider's answers may be used for anything; they are accepted here.
const OPEN_TERMS: &str = "cc-by-4_0";
/// Terms that nobody accepts here.
const UNACCEPTED_TERMS: &str = "anthropic-commercial-2025-06-17";

/// The models behind which the scripted provider stands, each a provider of its own: what one is told to refuse does not close the
/// others. With what each is registered.
const MODELS: [(&str, &[&str]); 7] = [
    ("scripted", &["--terms", OPEN_TERMS]),
    ("scripted-errors", &["--terms", OPEN_TERMS]),
    ("scripted-limits", &["--terms", OPEN_TERMS]),
    ("scripted-refusals", &["--terms", OPEN_TERMS]),
    (
        "scripted-priced",
        &[
            "--terms",
            OPEN_TERMS,
            "--prompt-price",
            "1000000000",
            "--completion-price",
            "1000000000",
        ],
    ),
    ("scripted-us", &["--terms", OPEN_TERMS, "--market", "US"]),
    ("scripted-unlicensed", &["--terms", UNACCEPTED_TERMS]),
];

/// Everything that runs while the clients do.
pub(super) struct Stage {
    /// Our program, serving.
    pub(super) server: Server,
    provider: Provider,
    cultivar: PathBuf,
    data_dir: PathBuf,
    key: String,
    local_model: String,
}

impl Stage {
    /// Copies the data directory, registers the scripted provider in the copy, and serves it.
    pub(super) fn set(context: &Context, suite: &Path) -> Result<Self, Failure> {
        let cultivar = program::build(context.root, &context.target)?;
        let data_dir = copy(&context.data_dir, &context.target.join("conformance-gateway"))?;
        let provider = Provider::start(suite)?;
        let ours = |command: &[&str]| answer(&cultivar, &data_dir, command);
        ours(&["terms", "accept", OPEN_TERMS, "--by", "conformance"])?;
        for (model, more) in MODELS {
            let base_url = format!("{}/v1", provider.url);
            let add = [
                "provider",
                "add",
                model,
                "--provider-model",
                "scripted-1",
                "--base-url",
                &base_url,
            ];
            // Where a model cannot be registered, the rows that ask it fail and say so.
            if let Err(failure) = ours(&[&add, more].concat()) {
                say(&format!("`{model}`: {failure}"))?;
            }
        }
        let key = text(&ours(&["key", "create", "conformance"])?, "/key")?;
        let local_model = text(&ours(&["model", "list"])?, "/0/pedigree/model")?;
        let server = Server::start(&cultivar, &data_dir)?;
        Ok(Self {
            server,
            provider,
            cultivar,
            data_dir,
            key,
            local_model,
        })
    }

    /// Tells a client where everything is.
    pub(super) fn show<'a>(&self, client: &'a mut Command) -> &'a mut Command {
        client
            .env("CULTIVAR_BASE_URL", format!("{}/v1", self.server.url))
            .env("CULTIVAR_API_KEY", &self.key)
            .env("CULTIVAR_PROVIDER_URL", &self.provider.url)
            .env("CULTIVAR_LOCAL_MODEL", &self.local_model)
            .env("CULTIVAR", &self.cultivar)
            .env("CULTIVAR_DATA_DIR", &self.data_dir)
            .env("NO_PROXY", "127.0.0.1")
    }
}

/// The scripted provider; it ends when its stdin closes, which it does with this process at the latest.
struct Provider {
    child: Child,
    /// Where it listens: `http://127.0.0.1:PORT`.
    url: String,
}

impl Provider {
    fn start(suite: &Path) -> Result<Self, Failure> {
        let place = "provider.py";
        let mut child = python("python3")
            .arg(suite.join(place))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::at(place))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(Failure::at(place))?;
        }
        let said: Value = serde_json::from_str(&line).map_err(Failure::at(place))?;
        let url = text(&said, "/url")?;
        Ok(Self { child, url })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A copy of a data directory in place of what lies there: the given one stays as it is.
fn copy(from: &Path, to: &Path) -> Result<PathBuf, Failure> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(Failure::at(to.display()))?;
    }
    peers::run(Command::new("cp").arg("-a").args([from, to])).map_err(Failure::at("cp -a"))?;
    Ok(to.to_owned())
}

/// What a command of ours answers.
fn answer(cultivar: &Path, data_dir: &Path, command: &[&str]) -> Result<Value, Failure> {
    let place = format!("cultivar {}", command.join(" "));
    let options = ["--format", "json", "--data-dir"];
    let said =
        peers::run(Command::new(cultivar).args(command).args(options).arg(data_dir)).map_err(Failure::at(&place))?;
    if said.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&said).map_err(Failure::at(&place))
}

/// The text at a JSON pointer.
fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure::new(pointer, "the answer has no such text"))
}
