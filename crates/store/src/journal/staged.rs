//! Frames that share a write. Whoever appends lets everybody else have a turn first, and the one that comes back first writes
//! for all: under load a write carries many frames, and alone a frame waits for nobody.

use std::{
    io::{Seek, SeekFrom, Write},
    sync::{Arc, OnceLock},
};

use super::{Frame, Shared, State};
use crate::StoreError;

/// What came of a write that frames share.
pub(super) type Batch = OnceLock<Result<(), StoreError>>;
/// A buffer that grew beyond this, in bytes, is given back.
const KEPT_BUFFER: usize = 1 << 20;

/// A frame on its way into the journal. One that is dropped is written all the same.
#[must_use = "the frame outlives this process only once it is written"]
pub struct Staged {
    pub(super) number: u64,
    pub(super) batch: Arc<Batch>,
    pub(super) shared: Arc<Shared>,
}

impl Staged {
    /// Waits until the frame outlives this process; returns its sequence number.
    ///
    /// # Errors
    /// `store::disk_full`, `store::file`: the journal is then without the frame.
    pub async fn written(self) -> Result<u64, StoreError> {
        tokio::task::yield_now().await;
        self.now()
    }

    /// As [`Staged::written`], without letting anybody else have a turn.
    ///
    /// # Errors
    /// As [`Staged::written`].
    pub fn now(self) -> Result<u64, StoreError> {
        self.write();
        match self.batch.get() {
            Some(Ok(())) => Ok(self.number),
            Some(Err(error)) => Err(error.clone()),
            None => Err(StoreError::closed()),
        }
    }

    fn write(&self) {
        if self.batch.get().is_none() {
            self.shared.written();
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.write();
    }
}

impl Shared {
    /// Writes what is staged; returns the number of the last frame that is written.
    pub(super) fn written(&self) -> u64 {
        let mut state = self.lock();
        let is_first = state.waiting.is_empty();
        state.write(self);
        let (last, wake) = (state.last, is_first && !state.waiting.is_empty());
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        last
    }
}

impl State {
    /// How many frames are not settled.
    pub(super) fn frames(&self) -> usize {
        self.waiting.len() + self.under_way + self.staged.len()
    }

    /// Takes in a frame for the next write; returns the number that it will have.
    pub(super) fn stage(&mut self, frame: Frame) -> u64 {
        let before = u64::try_from(self.staged.len()).unwrap_or(u64::MAX);
        let number = self.last + before + 1;
        frame.encode(number, &mut self.buffer);
        self.waiting_bytes += frame.size();
        self.staged.push(frame);
        number
    }

    fn write(&mut self, shared: &Shared) {
        if self.staged.is_empty() {
            return;
        }
        let written = self.write_to_file();
        if written.is_ok() {
            self.length += u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
            self.last += u64::try_from(self.staged.len()).unwrap_or(0);
            self.waiting.extend(self.staged.drain(..));
        } else {
            let bytes: usize = self.staged.drain(..).map(|frame| frame.size()).sum();
            self.waiting_bytes -= bytes.min(self.waiting_bytes);
        }
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER);
        let result = written.map_err(|error| StoreError::file(&shared.folder, "written", &error));
        // It is this write alone that says what came of it.
        let _ = std::mem::take(&mut self.batch).set(result);
    }

    /// Writes the buffer, or leaves the file as it was.
    fn write_to_file(&mut self) -> std::io::Result<()> {
        let written = self.file.write_all(&self.buffer);
        if written.is_err() {
            let length = self.length;
            let restored = self
                .file
                .set_len(length)
                .and_then(|()| self.file.seek(SeekFrom::Start(length)));
            self.torn = restored.is_err();
        }
        written
    }
}
