//! A witness: one tree head for each log, replaced only by what continues it. What it cosigned is on the disk before it says so.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use cultivar_ledger::{AddCheckpoint, TreeHead, VerifierKey, WitnessKey, WitnessRefusal, WitnessSigner};
use cultivar_record::{Ambient, Digest, Timestamp};
use cultivar_store::{DataDir, DataLock, files};

use crate::WitnessError;

const KEY_FILE: &str = "witness.key";
const VERIFIER_FILE: &str = "witness.vkey";

/// Whoever keeps tree heads of others' logs.
#[derive(Debug)]
pub struct Witness {
    dir: DataDir,
    signer: WitnessSigner,
    logs: Vec<VerifierKey>,
    /// One question at a time: what is looked at and what replaces it belong together.
    asking: Mutex<()>,
    _lock: DataLock,
}

/// A log as a witness knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The log's name.
    pub origin: String,
    /// The tree head that was cosigned last.
    pub head: Option<TreeHead>,
}

impl Witness {
    /// Opens a witness's folder, and makes its key where there is none.
    ///
    /// # Errors
    /// `store::locked` where another process has the folder; `ledger::malformed` where its key is damaged.
    pub fn open(
        folder: PathBuf,
        name: &str,
        logs: Vec<VerifierKey>,
        ambient: &dyn Ambient,
    ) -> Result<Self, WitnessError> {
        let dir = DataDir::at(folder);
        files::create_folder(&dir.tmp())?;
        files::create_private_folder(&dir.secrets())?;
        let lock = DataLock::take(&dir)?;
        let path = dir.secrets().join(KEY_FILE);
        let signer: WitnessSigner = if files::read_if_any(&path)?.is_some() {
            files::read_text(&path)?.parse()?
        } else {
            let made = WitnessSigner::from_secret(name, &ambient.entropy())?;
            dir.write_private(&path, format!("{}\n", made.secret_text()).as_bytes())?;
            made
        };
        let public = format!("{}\n", signer.verifier_key());
        dir.write(&dir.root().join(VERIFIER_FILE), public.as_bytes())?;
        Ok(Self {
            dir,
            signer,
            logs,
            asking: Mutex::default(),
            _lock: lock,
        })
    }

    /// The key that checks what it cosigns.
    pub fn key(&self) -> WitnessKey {
        self.signer.verifier_key()
    }

    /// The logs that it watches.
    ///
    /// # Errors
    /// `ledger::malformed` where a kept tree head is damaged.
    pub fn watched(&self) -> Result<Vec<Watched>, WitnessError> {
        let known = self.logs.iter().map(|key| {
            Ok(Watched {
                origin: key.name().to_owned(),
                head: self.latest(key)?,
            })
        });
        known.collect()
    }

    /// Cosigns a tree head that continues what this witness knows: returns the line for it.
    ///
    /// # Errors
    /// The outer one where the folder cannot be read or written; nothing is cosigned then. The inner one says why not.
    pub fn add_checkpoint(
        &self,
        question: &str,
        now: Timestamp,
    ) -> Result<Result<String, WitnessRefusal>, WitnessError> {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let asked: AddCheckpoint = match question.parse() {
            Ok(asked) => asked,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(key) = self.logs.iter().find(|key| key.name() == asked.origin()) else {
            let origin = asked.origin().to_owned();
            return Ok(Err(WitnessRefusal::UnknownLog { origin }));
        };
        if let Err(refusal) = asked.check(key, self.latest(key)?.as_ref()) {
            return Ok(Err(refusal));
        }
        let line = self
            .signer
            .cosign(&asked.tree_head, u64::try_from(now.micros() / 1_000_000).unwrap_or(0))?;
        self.dir.write(&self.path(key), asked.tree_head.as_bytes())?;
        Ok(Ok(line))
    }

    fn latest(&self, key: &VerifierKey) -> Result<Option<TreeHead>, WitnessError> {
        let Some(bytes) = files::read_if_any(&self.path(key))? else {
            return Ok(None);
        };
        Ok(Some(TreeHead::open(&String::from_utf8_lossy(&bytes), key)?))
    }

    fn path(&self, key: &VerifierKey) -> PathBuf {
        let name = Digest::of_bytes(key.name().as_bytes()).hex();
        self.dir.root().join("heads").join(name)
    }
}
