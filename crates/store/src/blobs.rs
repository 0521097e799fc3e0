//! Bodies by digest: a file each (`blobs/sha256/ab/cd/<rest>`) for what is written now and then, packs for the bodies of calls.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use cultivar_record::{Digest, canonical_json};
use serde::{Serialize, de::DeserializeOwned};

use crate::{DataDir, Packs, StoreError, files};

/// The blob store of a data directory.
#[derive(Clone)]
pub struct Blobs {
    dir: DataDir,
    packs: Arc<Packs>,
}

impl Blobs {
    /// The blobs of this directory.
    pub fn new(dir: &DataDir) -> Self {
        Self::with_packs(dir, Arc::new(Packs::new(dir)))
    }

    /// The blobs of this directory, with the packs that a journal fills.
    pub fn with_packs(dir: &DataDir, packs: Arc<Packs>) -> Self {
        Self {
            dir: dir.clone(),
            packs,
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let (first, rest) = hex.split_at(2);
        let (second, rest) = rest.split_at(2);
        self.dir.blobs().join("sha256").join(first).join(second).join(rest)
    }

    /// Keeps a record as its canonical JSON, durable on return; returns its digest. What is there already is kept once.
    pub fn put<T: Serialize + ?Sized>(&self, record: &T) -> Result<Digest, StoreError> {
        self.put_text(&canonical_json(record)?)
    }

    /// Keeps a text, durable on return; returns its digest.
    pub fn put_text(&self, text: &str) -> Result<Digest, StoreError> {
        let digest = Digest::of_bytes(text.as_bytes());
        let path = self.path(&digest);
        if !path.exists() {
            self.dir.write(&path, text.as_bytes())?;
        }
        Ok(digest)
    }

    /// The bytes of a blob, checked against its digest.
    ///
    /// # Errors
    /// `store::corrupt_blob` where it is missing or damaged.
    pub fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let corrupt = |what| StoreError::CorruptBlob {
            digest: digest.to_string(),
            what,
        };
        let Some(bytes) = files::read_if_any(&self.path(digest))? else {
            return self.packs.bytes(digest)?.ok_or_else(|| corrupt("missing"));
        };
        if Digest::of_bytes(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(corrupt("damaged"))
        }
    }

    /// Destroys the bodies of calls: see [`Packs::erase`].
    ///
    /// # Errors
    /// `store::file`.
    pub fn erase(&self, erased: &HashSet<Digest>, kept: &HashSet<Digest>) -> Result<u64, StoreError> {
        self.packs.erase(erased, kept)
    }

    /// The record in a blob.
    pub fn get<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, StoreError> {
        serde_json::from_slice(&self.bytes(digest)?).map_err(|e| StoreError::unreadable_record(&e))
    }
}
