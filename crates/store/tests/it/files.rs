//! Files: whole or as they were.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use cultivar_store::{StoreError, files};
use tempfile::TempDir;

use crate::conformance::told;

/// A folder with a `tmp` in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let tmp = folder.path().join("tmp");
    files::create_folder(&tmp).unwrap();
    (folder, tmp)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_is_written_into_folders_that_were_missing_and_nothing_stays_beside_it() {
    let (folder, tmp) = place();
    let path = folder.path().join("a/b/c.txt");
    for text in ["first", "second, longer", ""] {
        files::write_atomic(&tmp, &path, text.as_bytes()).unwrap();
        assert_eq!(files::read_text(&path).unwrap(), text);
        assert_eq!(files::names_in(&tmp).unwrap(), [""; 0]);
    }
    assert_eq!(files::names_in(&folder.path().join("a/b")).unwrap(), ["c.txt"]);
}

#[test]
fn a_private_file_is_its_owners_alone_also_when_it_replaces_a_public_one() {
    let (folder, tmp) = place();
    let path = folder.path().join("key");
    files::write_atomic(&tmp, &path, b"public").unwrap();
    assert_eq!(mode(&path) & 0o077, 0o044);
    files::write_private(&tmp, &path, b"private").unwrap();
    assert_eq!(mode(&path), 0o600);
    let private = folder.path().join("secrets");
    files::create_private_folder(&private).unwrap();
    assert_eq!(mode(&private), 0o700);
}

#[test]
fn a_folder_in_the_way_stays_and_nothing_stays_beside_it() {
    let (folder, tmp) = place();
    let path = folder.path().join("taken");
    files::write_atomic(&tmp, &path.join("inside"), b"kept").unwrap();
    let refused = told(files::write_atomic(&tmp, &path, b"new"));
    assert!(
        refused.starts_with(&format!("store::file: `{}` cannot be written: ", path.display())),
        "{refused}"
    );
    assert_eq!(files::read(&path.join("inside")).unwrap(), b"kept");
    assert_eq!(files::names_in(&tmp).unwrap(), [""; 0]);
}

#[test]
fn a_file_in_the_way_of_a_folder_stays_as_it_was() {
    let (folder, tmp) = place();
    let file = folder.path().join("file");
    files::write_atomic(&tmp, &file, b"kept").unwrap();
    assert!(told(files::write_atomic(&tmp, &file.join("below"), b"new")).starts_with("store::file: "));
    assert_eq!(files::read(&file).unwrap(), b"kept");
    assert_eq!(files::names_in(&tmp).unwrap(), [""; 0]);
}

#[test]
fn what_cannot_be_written_leaves_the_previous_content() {
    let (folder, tmp) = place();
    let path = folder.path().join("file");
    files::write_atomic(&tmp, &path, b"previous").unwrap();
    files::remove_folder(&tmp).unwrap();
    assert!(told(files::write_atomic(&tmp, &path, b"new")).starts_with("store::file: "));
    assert_eq!(files::read(&path).unwrap(), b"previous");
    assert_eq!(files::names_in(folder.path()).unwrap(), ["file"]);
}

#[test]
fn a_full_disk_is_told_apart_from_other_failures() {
    let path = Path::new("/data/file");
    let failure = |error: io::Error| told(Err::<(), _>(StoreError::file(path, "written", &error)));
    let full = "store::disk_full: no space is left for `/data/file`";
    assert_eq!(failure(io::ErrorKind::StorageFull.into()), full);
    assert_eq!(failure(io::ErrorKind::QuotaExceeded.into()), full);
    assert_eq!(
        failure(io::ErrorKind::PermissionDenied.into()),
        "store::file: `/data/file` cannot be written: permission denied"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_says_of_a_full_device_that_it_is_full() {
    use std::io::Write as _;

    let path = Path::new("/dev/full");
    let error = files::open_to_append(path).unwrap().write_all(b"x").unwrap_err();
    assert_eq!(
        told(Err::<(), _>(StoreError::file(path, "written", &error))),
        "store::disk_full: no space is left for `/dev/full`"
    );
}

#[test]
fn what_is_not_there_is_no_surprise() {
    let (folder, _) = place();
    let gone = folder.path().join("gone");
    assert_eq!(files::read_if_any(&gone).unwrap(), None);
    assert_eq!(files::names_in(&gone).unwrap(), [""; 0]);
    files::remove(&gone).unwrap();
    files::remove_folder(&gone).unwrap();
    let expected = format!("store::file: `{}` cannot be read: ", gone.display());
    assert!(told(files::read(&gone)).starts_with(&expected));
    assert!(told(files::read_if_any(folder.path())).starts_with("store::file: "));
}

#[test]
fn lines_are_appended_to_what_is_there() {
    use std::io::Write as _;

    let (folder, _) = place();
    let path = folder.path().join("runs/metrics.jsonl");
    for line in ["one", "two"] {
        writeln!(files::open_to_append(&path).unwrap(), "{line}").unwrap();
    }
    assert_eq!(files::read_text(&path).unwrap(), "one\ntwo\n");
}

#[test]
fn a_folder_goes_with_its_last_file_and_not_before() {
    let (folder, tmp) = place();
    let (first, second) = (folder.path().join("p/1"), folder.path().join("p/2"));
    for path in [&first, &second] {
        files::write_atomic(&tmp, path, b"x").unwrap();
    }
    files::remove_with_empty_folder(&first).unwrap();
    assert_eq!(files::names_in(&folder.path().join("p")).unwrap(), ["2"]);
    files::remove_with_empty_folder(&second).unwrap();
    assert_eq!(files::names_in(folder.path()).unwrap(), ["tmp"]);
}
