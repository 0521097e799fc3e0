//! Configuration: a TOML file, overridden by the command line.

use std::path::{Path, PathBuf};

use cultivar_gateway::Durability;
use cultivar_store::files;
use serde::Deserialize;

use crate::{
    failure::{CliError, Failure},
    telemetry::ConfiguredTelemetry,
};

/// Where everything lies unless somebody says otherwise.
const DEFAULT_DATA_DIR: &str = "./cultivar-data";
/// Read where it exists and no other file is named.
const DEFAULT_FILE: &str = "cultivar.toml";

/// What the file may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The data directory.
    pub data_dir: Option<PathBuf>,
    /// Where `serve` listens, for instance `127.0.0.1:7411`.
    pub listen: Option<String>,
    /// A file with rows of terms of one's own, beside the shipped ones.
    pub terms: Option<PathBuf>,
    /// A file with facts about markets, over the shipped ones.
    pub markets: Option<PathBuf>,
    /// A file with checklists of evidence: a market that it names, it decides.
    pub evidence: Option<PathBuf>,
    /// The rules of one's own.
    pub policy: ConfiguredPolicy,
    /// Who cosigns the ledger's tree heads.
    pub ledger: ConfiguredLedger,
    /// When an answer may be released: once its record outlives the `process`, or once it is on the `disk`.
    pub durability: ConfiguredDurability,
    /// Whether a clock that is behind the newest entry of the ledger is right nevertheless.
    pub trust_clock: bool,
    /// What is told to a collector.
    pub telemetry: ConfiguredTelemetry,
}

/// The rules of one's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfiguredPolicy {
    /// Files of Cedar policies that tighten the shipped ones.
    pub packs: Vec<PathBuf>,
}

/// Who cosigns the ledger's tree heads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfiguredLedger {
    /// The witnesses that are asked.
    pub witnesses: Vec<ConfiguredWitness>,
}

/// A witness that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfiguredWitness {
    /// Where it answers.
    pub url: String,
    /// Its verifier key, one line.
    pub key: String,
}

/// When an answer may be released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConfiguredDurability {
    /// Once its record outlives the process.
    #[default]
    Process,
    /// Once its record is on the disk.
    Disk,
}

impl From<ConfiguredDurability> for Durability {
    fn from(configured: ConfiguredDurability) -> Self {
        match configured {
            ConfiguredDurability::Process => Self::Process,
            ConfiguredDurability::Disk => Self::Disk,
        }
    }
}

impl Config {
    /// Reads the named file, or `cultivar.toml` where it exists.
    ///
    /// # Errors
    /// `config::unreadable` with the place: an unknown key is an error, not a surprise.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self, Failure> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let unreadable = |reason: String| CliError::Config {
            path: path.display().to_string(),
            reason,
        };
        let Some(bytes) = files::read_if_any(path)? else {
            return if named.is_some() {
                Err(unreadable("there is no such file".to_owned()).into())
            } else {
                Ok(Self::default())
            };
        };
        let text = String::from_utf8(bytes).map_err(|e| unreadable(e.to_string()))?;
        Ok(toml::from_str(&text).map_err(|e| unreadable(e.to_string().trim_end().to_owned()))?)
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR))
    }
}
