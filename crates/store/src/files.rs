//! Files that are either whole or absent: written beside, synced, renamed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::StoreError;

const ANYBODY: u32 = 0o644;
const OWNER_ALONE: u32 = 0o600;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes a file through a temporary one in `tmp` (same filesystem), fsync and rename; makes missing folders.
///
/// # Errors
/// `store::disk_full` or `store::file`; the target is then as it was.
pub fn write_atomic(tmp: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_with_mode(tmp, path, bytes, ANYBODY)
}

/// As [`write_atomic`], readable by its owner alone.
pub fn write_private(tmp: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_with_mode(tmp, path, bytes, OWNER_ALONE)
}

fn write_with_mode(tmp: &Path, path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let beside = fresh_name(tmp);
    let written = write_and_rename(&beside, path, bytes, mode);
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.map_err(|e| StoreError::file(path, "written", &e))
}

fn fresh_name(tmp: &Path) -> PathBuf {
    tmp.join(format!("{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn write_and_rename(beside: &Path, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    match fs::rename(beside, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(beside, path)
        }
        other => other,
    }
}

/// Reads a file, or nothing where it does not exist.
pub fn read_if_any(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::file(path, "read", &error)),
    }
}

/// Reads a file that must exist.
pub fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|e| StoreError::file(path, "read", &e))
}

/// Reads a file of text that must exist.
pub fn read_text(path: &Path) -> Result<String, StoreError> {
    fs::read_to_string(path).map_err(|e| StoreError::file(path, "read", &e))
}

/// Removes a file; one that is gone already is no error.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::file(path, "removed", &error)),
        _ => Ok(()),
    }
}

/// Removes a file, and its folder where that is empty now.
pub fn remove_with_empty_folder(path: &Path) -> Result<(), StoreError> {
    remove(path)?;
    if let Some(folder) = path.parent() {
        // One that is not empty refuses, and stays.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// Makes a folder and its parents.
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(|e| StoreError::file(path, "created", &e))
}

/// Makes a folder that only its owner may enter.
pub fn create_private_folder(path: &Path) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| StoreError::file(path, "created", &e))
}

/// Removes a folder with everything in it; one that is gone already is no error.
pub fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::file(path, "removed", &error)),
        _ => Ok(()),
    }
}

/// The names in a folder, sorted; none where the folder does not exist.
pub fn names_in(path: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| StoreError::file(path, "read", &e))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| StoreError::file(path, "read", &e))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

pub(crate) fn empty_folder(path: &Path) -> Result<(), StoreError> {
    names_in(path)?.iter().try_for_each(|name| remove(&path.join(name)))
}

/// Opens a file to append lines to; makes it and its folder where they are missing.
pub fn open_to_append(path: &Path) -> Result<File, StoreError> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|e| StoreError::file(path, "opened", &e))
}
