//! What can go wrong between a record and the disk.

use std::{io, path::Path};

use cultivar_record::RecordError;
use miette::Diagnostic;
use thiserror::Error;

use crate::Value;

/// A failure of storage. Cloneable, since one failed commit is the failure of every job that shared it.
#[derive(Debug, Clone, Error, Diagnostic)]
pub enum StoreError {
    /// Another process has the data directory.
    #[error("the data directory `{path}` is in use by {holder}")]
    #[diagnostic(
        code("store::locked"),
        help("stop that process, or give this one another directory with `--data-dir`")
    )]
    Locked {
        /// The directory.
        path: String,
        /// Who has it, as far as known.
        holder: String,
    },
    /// There is no data directory.
    #[error("there is no data directory at `{path}`")]
    #[diagnostic(
        code("store::no_data"),
        help("run `cultivar init` or `cultivar demo` first, or name the right one with `--data-dir`")
    )]
    NoData {
        /// The directory.
        path: String,
    },
    /// The disk is full.
    #[error("no space is left for `{path}`")]
    #[diagnostic(
        code("store::disk_full"),
        help("free some space and run the same command again: nothing was half-written")
    )]
    DiskFull {
        /// What was being written.
        path: String,
    },
    /// More waits to be settled than may wait.
    #[error("more records wait for the disk than may wait")]
    #[diagnostic(
        code("ledger_backpressure"),
        help("ask again in a moment; `cultivar doctor` says what holds the records up")
    )]
    Backlog,
    /// A file cannot be read or written.
    #[error("`{path}` cannot be {what}: {reason}")]
    #[diagnostic(
        code("store::file"),
        help("check that the path exists and that this user may read and write it")
    )]
    File {
        /// The file.
        path: String,
        /// `read`, `written`, `removed` …
        what: &'static str,
        /// The system's words.
        reason: String,
    },
    /// A blob is not what its name says, or is gone.
    #[error("the blob `{digest}` is {what}")]
    #[diagnostic(
        code("store::corrupt_blob"),
        help("restore `blobs/` from a backup; `cultivar doctor` lists every such blob")
    )]
    CorruptBlob {
        /// Its digest.
        digest: String,
        /// `missing` or `damaged`.
        what: &'static str,
    },
    /// A newer program wrote the database.
    #[error("the database has schema version {found}, but this program knows only up to {known}")]
    #[diagnostic(code("store::newer_schema"), help("run the newer `cultivar` that wrote it"))]
    NewerSchema {
        /// The version in the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// An older program wrote the database, and this one may only look.
    #[error("the database has schema version {found}; this program needs {known}")]
    #[diagnostic(
        code("store::older_schema"),
        help("run `cultivar init` on the same data directory: it brings the schema up to date")
    )]
    OlderSchema {
        /// The version in the database.
        found: i64,
        /// The version that this program needs.
        known: i64,
    },
    /// The engine refused.
    #[error("the database refused: {reason}")]
    #[diagnostic(
        code("store::database"),
        help("run `cultivar doctor`; if the file is damaged, restore it from a backup")
    )]
    Database {
        /// The engine's words.
        reason: String,
    },
    /// A row is not what this program wrote.
    #[error("a stored record cannot be read: {reason}")]
    #[diagnostic(
        code("store::unreadable_record"),
        help("run `cultivar doctor`; the row was changed by another program")
    )]
    UnreadableRecord {
        /// Why.
        reason: String,
    },
    /// Something with this name exists.
    #[error("{what} `{name}` exists already")]
    #[diagnostic(code("store::exists"), help("choose another name, or use what exists"))]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Nothing with this name exists.
    #[error("there is no {what} `{name}`")]
    #[diagnostic(code("store::not_found"), help("list what there is with `cultivar {what} list`"))]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A record is malformed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}

impl StoreError {
    pub(crate) fn closed() -> Self {
        Self::Database {
            reason: "the writer has stopped".to_owned(),
        }
    }

    pub(crate) fn unexpected(column: usize, wanted: &str, found: Option<&Value>) -> Self {
        let found = match found {
            None => "no such column",
            Some(Value::Null) => "null",
            Some(Value::Integer(_)) => "an integer out of range",
            Some(Value::Real(_)) => "a real number",
            Some(Value::Text(_)) => "text",
        };
        Self::UnreadableRecord {
            reason: format!("column {column} should hold {wanted} and holds {found}"),
        }
    }

    pub(crate) fn unreadable_record(error: &serde_json::Error) -> Self {
        Self::UnreadableRecord {
            reason: error.to_string(),
        }
    }

    /// The failure of a file operation; a full disk is told apart.
    pub fn file(path: &Path, what: &'static str, error: &io::Error) -> Self {
        let path = path.display().to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::File {
                path,
                what,
                reason: error.to_string(),
            },
        }
    }

    /// Whether a unique name was taken.
    pub fn is_exists(&self) -> bool {
        matches!(self, Self::Exists { .. })
    }
}
