//! Who is measured. Many of a kind: one file each, one shape: `start` brings one up in front of the mock, or says why not.

use std::{fs, net::SocketAddr, path::PathBuf};

use clap::ValueEnum;

use super::{cultivar, direct, litellm, load::Load, nginx, portkey, process::Process, sglang_router, tensorzero};

/// Everyone who can be measured, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Name {
    /// No gateway: the mock itself, from which what is added is counted
    Direct,
    /// A plain proxy, with no policy, no key and no record
    Nginx,
    /// Our door with everything on
    Cultivar,
    /// `TensorZero`'s embedded gateway, without its record and without keys
    Tensorzero,
    /// The router of `SGLang`
    SglangRouter,
    /// Portkey's gateway on Node
    Portkey,
    /// `LiteLLM`'s proxy: one worker, a master key, no database
    Litellm,
}

/// What every subject is given.
pub(super) struct Context {
    /// The folder of the peers' lists and programs: `xtask/bench`.
    pub(super) suites: PathBuf,
    /// Where peers are installed: `target/peers`.
    pub(super) peers: PathBuf,
    /// Where data and logs of this run lie: `target/bench`, on a real disk.
    pub(super) work: PathBuf,
    /// Our own binary, where it is to be measured.
    pub(super) cultivar: Option<PathBuf>,
    /// The mock's address.
    pub(super) mock: SocketAddr,
    /// The mock's process.
    pub(super) mock_id: u32,
}

/// A subject that runs and answers.
pub(super) struct Subject {
    pub(super) version: String,
    /// How it is asked; callers and seconds are chosen by whoever measures.
    pub(super) load: Load,
    /// The root of its processes.
    pub(super) id: u32,
    /// `None`: it is not ours to end.
    pub(super) process: Option<Process>,
}

impl Name {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Cultivar => "cultivar",
            Self::Tensorzero => "tensorzero",
            Self::SglangRouter => "sglang-router",
            Self::Portkey => "portkey",
            Self::Litellm => "litellm",
        }
    }

    /// Starts it; why it does not run, otherwise, in one line.
    pub(super) fn start(self, context: &Context) -> Result<Subject, String> {
        let started = match self {
            Self::Direct => direct::start(context),
            Self::Nginx => nginx::start(context),
            Self::Cultivar => cultivar::start(context),
            Self::Tensorzero => tensorzero::start(context),
            Self::SglangRouter => sglang_router::start(context),
            Self::Portkey => portkey::start(context),
            Self::Litellm => litellm::start(context),
        };
        started.map_err(|why| format!("{}: {why}", self.text()))
    }
}

impl Context {
    /// The mock's base URL.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1", self.mock)
    }

    /// Writes a subject's configuration into the folder of this run; its path.
    #[expect(
        clippy::disallowed_methods,
        reason = "a configuration may be torn: it is made anew by each run"
    )]
    pub(super) fn configure(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.work.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

/// A load for a server at an address, with the mock's model and no headers.
pub(super) fn load(address: SocketAddr) -> Load {
    Load {
        address,
        path: "/v1/chat/completions".to_owned(),
        model: super::mock::MODEL.to_owned(),
        headers: Vec::new(),
        callers: 1,
        seconds: 1.0,
        requests: u64::MAX,
        stream: false,
    }
}
