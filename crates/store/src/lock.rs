//! One writer per data directory.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    process, thread,
    time::Duration,
};

use crate::{DataDir, StoreError, files};

/// A killed process lets go only once the kernel has taken it apart, which takes a moment when it was computing: the lock is
/// tried again for two seconds.
const MOST_TRIES: u32 = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// The exclusive right to a data directory, held as long as this value lives. The kernel releases it when the process dies.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock, and removes what a killed process had under way.
    ///
    /// # Errors
    /// `store::locked` where another process has it.
    pub fn take(dir: &DataDir) -> Result<Self, StoreError> {
        let path = dir.lock();
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = open.map_err(|e| StoreError::file(&path, "opened", &e))?;
        let mut tries = 1;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::WouldBlock if tries < MOST_TRIES => {
                    tries += 1;
                    thread::sleep(BETWEEN_TRIES);
                }
                TryLockError::WouldBlock => return Err(locked(dir, &mut file)),
                TryLockError::Error(error) => return Err(StoreError::file(&path, "locked", &error)),
            }
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", process::id()));
        written.map_err(|e| StoreError::file(&path, "written", &e))?;
        // Only now: without the lock, these could be the files of a process that is writing them.
        files::empty_folder(&dir.tmp())?;
        Ok(Self { _file: file })
    }

    /// Whether a process has the directory now.
    pub fn is_taken(dir: &DataDir) -> bool {
        File::open(dir.lock()).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn locked(dir: &DataDir, file: &mut File) -> StoreError {
    let mut pid = String::new();
    let _ = file.read_to_string(&mut pid);
    let holder = if pid.trim().is_empty() {
        "another process".to_owned()
    } else {
        format!("process {}", pid.trim())
    };
    StoreError::Locked {
        path: dir.root().display().to_string(),
        holder,
    }
}
