//! Configuration: a TOML file, overridden by the command line.

use std::path::{Path, PathBuf};

use cultivar_store::files;
use serde::Deserialize;

use crate::failure::{CliError, Failure};

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
