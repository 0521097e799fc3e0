//! The data directory: where everything lies. Knows names, not contents.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{StoreError, files};

/// A data directory and the paths in it.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Makes the directory and its folders where they are missing. `secrets/` is for its owner alone.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = Self { root: root.into() };
        for folder in [
            "blobs/sha256",
            "blobs/packs",
            "journal",
            "ledger",
            "datasets",
            "models",
            "runs",
            "reports",
            "tmp",
        ] {
            files::create_folder(&dir.root.join(folder))?;
        }
        files::create_private_folder(&dir.secrets())?;
        Ok(dir)
    }

    /// A directory as it is, whether or not anything is there: for looking at its files.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// An existing directory.
    ///
    /// # Errors
    /// `store::no_data` where there is none.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        if fs::exists(root.join("cultivar.db")).unwrap_or(false) {
            Ok(Self { root })
        } else {
            Err(StoreError::NoData {
                path: root.display().to_string(),
            })
        }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.root.join("cultivar.db")
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    /// Where the running server says its address.
    pub fn server(&self) -> PathBuf {
        self.root.join("server.json")
    }

    /// Request and answer bodies by digest.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// What happened to calls and is not settled yet.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The ledger's tiles, servable as static files.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// Key material.
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// Files under way; emptied by whoever takes the lock.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// A dataset version.
    pub fn dataset(&self, name: &str, version: u32) -> PathBuf {
        self.root.join("datasets").join(name).join(version.to_string())
    }

    /// A model version.
    pub fn model(&self, name: &str, version: u32) -> PathBuf {
        self.root.join("models").join(name).join(version.to_string())
    }

    /// The public key of who signs models, PEM.
    pub fn model_key(&self) -> PathBuf {
        self.root.join("models").join("signing.pub")
    }

    /// A run.
    pub fn run(&self, id: &str) -> PathBuf {
        self.root.join("runs").join(id)
    }

    /// A comparison's report.
    pub fn report(&self, id: &str) -> PathBuf {
        self.root.join("reports").join(id)
    }

    /// Writes a file so that it is either whole or absent, and durable.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        files::write_atomic(&self.tmp(), path, bytes)
    }

    /// As [`DataDir::write`], readable by its owner alone.
    pub fn write_private(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        files::write_private(&self.tmp(), path, bytes)
    }
}
