//! From durable entries to published tiles: a leaf index is durable with its row, a tree head is published a moment later.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cultivar_ledger::{
    Appender, LedgerError, LogSigner, TREE_HEAD_FILE, TilePath, TileSource, TreeHead, VERIFIER_KEY_FILE,
};
use cultivar_record::{Pedigree, SignedPedigree};
use cultivar_store::{DataDir, Store, files, tables};

use crate::{Gateway, GatewayError};

/// How often waiting entries are published.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// Most entries that one tree head adds.
const MOST_ENTRIES_PER_HEAD: u32 = 8_192;

/// The ledger's files in a folder.
#[derive(Clone, Debug)]
pub struct LedgerFiles {
    folder: PathBuf,
}

impl LedgerFiles {
    /// The files in this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The signed tree head, where one was published.
    pub fn tree_head(&self) -> Result<Option<String>, GatewayError> {
        self.text(TREE_HEAD_FILE)
    }

    /// The verifier key, one line.
    pub fn verifier_key(&self) -> Result<Option<String>, GatewayError> {
        self.text(VERIFIER_KEY_FILE)
    }

    fn text(&self, name: &str) -> Result<Option<String>, GatewayError> {
        let bytes = files::read_if_any(&self.folder.join(name))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl TileSource for LedgerFiles {
    fn read(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LedgerError> {
        files::read_if_any(&self.folder.join(path.to_string())).map_err(|e| LedgerError::FileUnreadable {
            path: path.to_string(),
            reason: e.to_string(),
        })
    }
}

/// Publishes; exactly one exists per ledger.
pub(crate) struct Publisher {
    store: Arc<Store>,
    pub(crate) dir: DataDir,
    signer: LogSigner,
    /// Where the tree stands; nothing after a failure, so that the next attempt starts from the files.
    appender: Mutex<Option<Appender>>,
    /// When everything that was durable was last published, in microseconds since the epoch; zero before.
    pub(crate) published_at: AtomicI64,
}

impl Publisher {
    pub(crate) fn new(store: Arc<Store>, dir: DataDir, signer: LogSigner) -> Result<Self, GatewayError> {
        let key = format!("{}\n", signer.verifier_key());
        let path = dir.ledger().join(VERIFIER_KEY_FILE);
        if files::read_if_any(&path)?.as_deref() != Some(key.as_bytes()) {
            dir.write(&path, key.as_bytes())?;
        }
        Ok(Self {
            store,
            dir,
            signer,
            appender: Mutex::new(None),
            published_at: AtomicI64::new(0),
        })
    }

    /// Publishes everything that is durable now; returns the size of the tree.
    fn publish(&self) -> Result<u64, GatewayError> {
        let mut guard = self.appender.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let head = self.store.read(tables::ledger::head)?;
            let waiting = self
                .store
                .read(|tx| tables::ledger::waiting(tx, MOST_ENTRIES_PER_HEAD))?;
            if waiting.is_empty() {
                self.write_tree_head(&head.note)?;
                return Ok(head.published_size);
            }
            let mut appender = match guard.take() {
                Some(appender) if appender.size() == head.published_size => appender,
                _ => self.open_appender(&head.note)?,
            };
            let entries: Vec<Vec<u8>> = waiting.into_iter().map(|(_, entry)| entry.into_bytes()).collect();
            self.extend(&mut appender, &entries, head.published_size)?;
            *guard = Some(appender);
        }
    }

    fn open_appender(&self, note: &str) -> Result<Appender, GatewayError> {
        let key = self.signer.verifier_key();
        let head = if note.is_empty() {
            TreeHead::empty(key.name())
        } else {
            TreeHead::open(note, &key)?
        };
        Ok(Appender::open(&head, &LedgerFiles::new(self.dir.ledger()))?)
    }

    /// Tiles first, then the row that says so, then the tree head for everybody, and only then the superseded tiles go.
    fn extend(&self, appender: &mut Appender, entries: &[Vec<u8>], old_size: u64) -> Result<(), GatewayError> {
        let new = appender.append(entries)?;
        for (path, bytes) in &new.files {
            self.dir.write(&self.dir.ledger().join(path.to_string()), bytes)?;
        }
        let note = TreeHead::sign(&self.signer, new.size, &new.root);
        let (size, row) = (new.size, note.clone());
        let replaced = self
            .store
            .write_blocking(move |tx| tables::ledger::publish(tx, old_size, size, &row))?;
        if !replaced {
            return Err(GatewayError::SecondPublisher);
        }
        self.write_tree_head(&note)?;
        for path in &new.obsolete {
            files::remove_with_empty_folder(&self.dir.ledger().join(path.to_string()))?;
        }
        Ok(())
    }

    fn write_tree_head(&self, note: &str) -> Result<(), GatewayError> {
        let path = self.dir.ledger().join(TREE_HEAD_FILE);
        if !note.is_empty() && files::read_if_any(&path)?.as_deref() != Some(note.as_bytes()) {
            self.dir.write(&path, note.as_bytes())?;
        }
        Ok(())
    }
}

impl Gateway {
    /// Publishes everything that is durable now; returns the size of the tree. Blocks.
    pub fn publish(&self) -> Result<u64, GatewayError> {
        self.journal.settle();
        self.publisher.publish()
    }

    /// Publishes again and again until told to stop. A failure is told to `on_error` and tried again.
    pub async fn publish_until(self: Arc<Self>, stop: impl Future<Output = ()>, on_error: impl Fn(GatewayError)) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let stopped = tokio::time::timeout(PUBLISH_EVERY, &mut stop).await.is_ok();
            let gateway = Arc::clone(&self);
            let began_at = self.ambient.now();
            match tokio::task::spawn_blocking(move || gateway.publish()).await {
                Ok(Ok(_)) => self.publisher.published_at.store(began_at.micros(), Ordering::Relaxed),
                Err(_) => {}
                Ok(Err(error)) => on_error(error),
            }
            if stopped {
                return;
            }
        }
    }

    /// Signs a pedigree with the ledger's key.
    pub fn sign_pedigree(&self, pedigree: Pedigree) -> Result<SignedPedigree, GatewayError> {
        Ok(cultivar_ledger::sign_pedigree(&self.publisher.signer, pedigree)?)
    }
}
