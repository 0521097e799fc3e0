//! The data directory and its lock.

use std::{os::unix::fs::PermissionsExt, process, sync::Arc};

use cultivar_store::{DataDir, DataLock, Sqlite, Store, files};

use crate::conformance::told;

#[test]
fn a_directory_is_made_once_and_then_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    assert_eq!(
        told(DataDir::open(&root)),
        format!("store::no_data: there is no data directory at `{}`", root.display())
    );
    let dir = DataDir::create(&root).unwrap();
    assert_eq!(
        files::names_in(&root).unwrap(),
        [
            "blobs", "datasets", "journal", "ledger", "models", "reports", "runs", "secrets", "tmp"
        ]
    );
    assert_eq!(
        std::fs::metadata(dir.secrets()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(DataDir::open(&root).is_err(), "there is no database yet");

    drop(Store::open(Arc::new(Sqlite::new(dir.database()))).unwrap());
    dir.write(&dir.ledger().join("kept"), b"kept").unwrap();
    DataDir::create(&root).unwrap();
    DataDir::open(&root).unwrap();
    assert_eq!(files::read(&dir.ledger().join("kept")).unwrap(), b"kept");
}

#[test]
fn a_directory_has_one_holder_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::create(folder.path()).unwrap();
    let held = DataLock::take(&dir).unwrap();
    let refused = format!(
        "store::locked: the data directory `{}` is in use by process {}",
        folder.path().display(),
        process::id()
    );
    assert_eq!(told(DataLock::take(&dir)), refused);
    assert_eq!(told(DataLock::take(&dir)), refused);
    drop(held);
    DataLock::take(&dir).unwrap();
}

#[test]
fn files_under_way_go_with_a_dead_holder_and_not_with_a_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::create(folder.path()).unwrap();
    let held = DataLock::take(&dir).unwrap();
    let under_way = dir.tmp().join("1-1");
    files::write_atomic(&dir.tmp(), &under_way, b"half").unwrap();

    DataLock::take(&DataDir::create(folder.path()).unwrap()).unwrap_err();
    assert!(
        under_way.exists(),
        "a second process removed what the first one was writing"
    );
    drop(held);
    let _held = DataLock::take(&dir).unwrap();
    assert!(!under_way.exists());
}
