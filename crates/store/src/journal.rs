//! The journal of calls: what must not be lost is appended here before anybody is answered, and settled into rows, ledger entries
//! and packs a moment later.
//!
//! An append is one `write` to a file: it outlives this process from the moment that it returns. Files are written over rather than
//! made anew, which costs a fraction; within a second of quiet, what is settled is gone from them. Settling puts many frames into
//! one commit that is on the disk when it returns; whoever must not lose an answer to a power cut waits for that with
//! [`Journal::settled`]. When more waits than may wait, an append is refused, so that the caller can say so.
//!
//! It does not know what a call is, or what is permitted.

mod frame;
mod settle;
mod staged;

use std::{
    collections::VecDeque,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

pub use frame::{Frame, IntentFrame, OutcomeFrame};
pub use staged::Staged;

use staged::Batch;

use crate::{DataDir, Packs, Store, StoreError, files, tables};

/// How much may wait, and how long a file may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most frames that may wait to be settled.
    pub frames: usize,
    /// Most bytes that may wait to be settled.
    pub bytes: usize,
    /// From which length on, in bytes, a file is followed by another one.
    pub file: u64,
}

impl Default for Bounds {
    /// Some seconds of a busy day.
    fn default() -> Self {
        Self {
            frames: 100_000,
            bytes: 512 << 20,
            file: 16 << 20,
        }
    }
}

/// What waits in the journal, and how settling goes.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// Frames that wait to be settled.
    pub frames: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Whether half of what may wait does: calls are refused once all of it does.
    pub is_half_full: bool,
    /// Whether a write broke off and could not be taken back: nothing more is appended.
    pub is_torn: bool,
    /// Why the last attempt to settle failed, where it did.
    pub failure: Option<StoreError>,
    /// How many attempts to settle failed since the journal was opened.
    pub failures: u64,
}

/// How long somebody waits for the disk before asking whether settling fails.
const PATIENCE: Duration = Duration::from_secs(1);

/// The journal of a data directory; exactly one is open per directory.
pub struct Journal {
    shared: Arc<Shared>,
    settler: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something waits, or the journal is closing.
    wake: Condvar,
    /// The sequence number of the last settled frame.
    settled: watch::Sender<u64>,
    folder: PathBuf,
    bounds: Bounds,
    /// Held while a batch is settled, and by whoever must see bodies and rows agree.
    settling: Mutex<()>,
    store: Arc<Store>,
    packs: Arc<Packs>,
}

pub(crate) struct State {
    file: File,
    /// The first frame of the file.
    first: u64,
    /// The files before it, by their first frame and their last, until that is settled.
    full: VecDeque<(u64, u64)>,
    /// Bytes of whole frames in the file.
    length: u64,
    /// Up to where settled frames may lie in the file.
    reach: u64,
    /// A file whose frames are settled, by its first one: the next to be written over.
    spare: Option<u64>,
    /// Files whose first frame is an earlier one are removed once they are settled, not written over.
    scrub_before: u64,
    /// The sequence number of the last frame that was written; the first is 1.
    last: u64,
    waiting: VecDeque<Frame>,
    waiting_bytes: usize,
    /// Frames that are being settled now.
    under_way: usize,
    /// Frames that share the next write, and their bytes as they will stand in the file.
    staged: Vec<Frame>,
    buffer: Vec<u8>,
    /// What will come of that write.
    batch: Arc<Batch>,
    /// Somebody waits for settling: it is done at once.
    urgent: bool,
    closing: bool,
    /// Why the last attempt to settle failed; it is tried again.
    failure: Option<StoreError>,
    /// Attempts to settle so far.
    attempts: u64,
    /// How many of them failed.
    failures: u64,
    /// A torn frame could not be taken back: nothing may follow it.
    torn: bool,
}

impl Journal {
    /// Opens the journal and settles what a killed process left in it.
    ///
    /// # Errors
    /// `store::file`, `store::disk_full`, `store::database`.
    pub fn open(store: Arc<Store>, dir: &DataDir, packs: Arc<Packs>) -> Result<Self, StoreError> {
        Self::open_within(store, dir, packs, Bounds::default())
    }

    /// As [`Journal::open`], within other bounds.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_within(
        store: Arc<Store>,
        dir: &DataDir,
        packs: Arc<Packs>,
        bounds: Bounds,
    ) -> Result<Self, StoreError> {
        let folder = dir.journal();
        files::create_folder(&folder)?;
        let settled = store.read(tables::ledger::settled)?;
        let last = settle::replay(&store, &packs, &folder, settled)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                file: create(&folder, last + 1)?,
                first: last + 1,
                full: VecDeque::new(),
                length: 0,
                reach: 0,
                spare: None,
                scrub_before: 0,
                last,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                under_way: 0,
                staged: Vec::new(),
                buffer: Vec::new(),
                batch: Arc::default(),
                urgent: false,
                closing: false,
                failure: None,
                attempts: 0,
                failures: 0,
                torn: false,
            }),
            wake: Condvar::new(),
            settled: watch::Sender::new(last),
            folder,
            bounds,
            settling: Mutex::default(),
            store,
            packs,
        });
        let settler = settle::start(Arc::clone(&shared))?;
        Ok(Self {
            shared,
            settler: Mutex::new(Some(settler)),
        })
    }

    /// Appends a frame; when this returns, the frame outlives this process. Returns its sequence number.
    ///
    /// # Errors
    /// `store::backlog` where too much waits to be settled; `store::disk_full`, `store::file`: the journal is then as before.
    pub fn append(&self, frame: Frame) -> Result<u64, StoreError> {
        self.stage(frame)?.now()
    }

    /// Takes a frame in that will share a write with others: see [`Staged::written`].
    ///
    /// # Errors
    /// `store::backlog` where too much waits to be settled.
    pub fn stage(&self, frame: Frame) -> Result<Staged, StoreError> {
        let mut state = self.shared.lock();
        let frames = state.frames();
        let bounds = self.shared.bounds;
        if frames >= bounds.frames || state.waiting_bytes >= bounds.bytes || state.torn {
            return Err(state.failure.clone().unwrap_or(StoreError::Backlog));
        }
        Ok(Staged {
            number: state.stage(frame),
            batch: Arc::clone(&state.batch),
            shared: Arc::clone(&self.shared),
        })
    }

    /// Waits until a frame is on the disk, as row and entry.
    ///
    /// # Errors
    /// `store::database` where the journal was closed before.
    pub async fn settled(&self, frame: u64) -> Result<(), StoreError> {
        self.shared.hurry();
        let mut settled = self.shared.settled.subscribe();
        loop {
            let reached = settled.wait_for(|settled| *settled >= frame);
            match tokio::time::timeout(PATIENCE, reached).await {
                Ok(reached) => return reached.map(drop).map_err(|_| StoreError::closed()),
                // It is tried again and again; whoever waits is told why it fails.
                Err(_) => {
                    if let Some(failure) = self.failure() {
                        return Err(failure);
                    }
                }
            }
        }
    }

    /// Waits until everything that was appended so far is on the disk: what is written to the records afterwards comes after it in
    /// the ledger, too.
    ///
    /// # Errors
    /// `store::database` where the journal was closed before.
    pub async fn caught_up(&self) -> Result<(), StoreError> {
        let last = self.shared.written();
        self.settled(last).await
    }

    /// Settles what was appended so far, or tries to. Blocks.
    pub fn settle(&self) {
        self.shared.written();
        let mut state = self.shared.lock();
        let (last, attempts) = (state.last, state.attempts);
        // The second attempt from now began after everything so far was appended.
        while *self.shared.settled.borrow() < last && !(state.failure.is_some() && state.attempts >= attempts + 2) {
            if state.closing {
                return;
            }
            state.urgent = true;
            self.shared.wake.notify_all();
            let waited = self.shared.wake.wait_timeout(state, settle::PAUSE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Does something while nothing is settled: every body that is in the packs then has its row.
    pub fn paused<T>(&self, work: impl FnOnce() -> T) -> T {
        let _settling = self.shared.settling.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// Settles what was appended so far, and leaves nothing of it in a file. Blocks.
    ///
    /// # Errors
    /// `store::file`, or why settling fails.
    pub fn scrub(&self) -> Result<(), StoreError> {
        self.shared.written();
        let next = settle::leave_behind(&self.shared)?;
        self.settle();
        let left = files::names_in(&self.shared.folder)?
            .into_iter()
            .find(|file| *file < name(next));
        match (left, self.failure()) {
            (None, _) => Ok(()),
            (Some(_), Some(failure)) => Err(failure),
            (Some(file), None) => Err(StoreError::File {
                path: self.shared.folder.join(file).display().to_string(),
                what: "removed",
                reason: "it holds what is not settled".to_owned(),
            }),
        }
    }

    /// How many frames wait to be settled.
    pub fn waiting(&self) -> usize {
        self.shared.lock().frames()
    }

    /// What waits and how settling goes.
    pub fn backlog(&self) -> Backlog {
        let state = self.shared.lock();
        let bounds = self.shared.bounds;
        let frames = state.frames();
        Backlog {
            frames,
            bytes: state.waiting_bytes,
            is_half_full: 2 * frames >= bounds.frames || state.waiting_bytes >= bounds.bytes / 2,
            is_torn: state.torn,
            failure: state.failure.clone(),
            failures: state.failures,
        }
    }

    /// Why the last attempt to settle failed, where it did.
    pub fn failure(&self) -> Option<StoreError> {
        self.shared.lock().failure.clone()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_all();
        let settler = self.settler.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(settler) = settler {
            let _ = settler.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hurry(&self) {
        self.lock().urgent = true;
        self.wake.notify_all();
    }
}

/// A fresh file whose first frame has this number.
fn create(folder: &Path, first: u64) -> Result<File, StoreError> {
    let path = folder.join(name(first));
    let opened = File::options().write(true).create(true).truncate(true).open(&path);
    opened.map_err(|e| StoreError::file(&path, "created", &e))
}

/// The file whose first frame has this number; names sort as numbers do.
fn name(first: u64) -> String {
    format!("{first:020}.log")
}
