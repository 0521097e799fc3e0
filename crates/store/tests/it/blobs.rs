//! Blobs: found by their digest, and never passed on where they are not what it says.

use std::path::PathBuf;

use cultivar_record::{Digest, chat::ChatRequest};
use cultivar_store::{Blobs, DataDir, files};
use tempfile::TempDir;

use crate::conformance::told;

fn place() -> (TempDir, DataDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::create(folder.path()).unwrap();
    let blobs = Blobs::new(&dir);
    (folder, dir, blobs)
}

/// Where the blob of a digest lies, as the documentation says.
fn path(dir: &DataDir, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    dir.blobs()
        .join("sha256")
        .join(&hex[..2])
        .join(&hex[2..4])
        .join(&hex[4..])
}

#[test]
fn a_record_is_kept_once_as_its_canonical_text() {
    let (_folder, dir, blobs) = place();
    let request: ChatRequest = serde_json::from_str(r#"{"messages":[], "zeta":1.0, "model":"é"}"#).unwrap();
    let digest = blobs.put(&request).unwrap();
    assert_eq!(blobs.put(&request).unwrap(), digest);
    assert_eq!(
        blobs.bytes(&digest).unwrap(),
        r#"{"messages":[],"model":"é","zeta":1}"#.as_bytes()
    );
    assert_eq!(blobs.get::<ChatRequest>(&digest).unwrap().model, "é");
    assert_eq!(digest, Digest::of_bytes(&files::read(&path(&dir, &digest)).unwrap()));
    assert_eq!(files::names_in(&dir.tmp()).unwrap(), [""; 0]);
}

#[test]
fn a_blob_that_is_missing_or_damaged_is_named() {
    let (_folder, dir, blobs) = place();
    let digest = blobs.put_text("what was said").unwrap();
    files::write_atomic(&dir.tmp(), &path(&dir, &digest), b"what was not said").unwrap();
    let damaged = format!("store::corrupt_blob: the blob `{digest}` is damaged");
    assert_eq!(told(blobs.bytes(&digest)), damaged);
    assert_eq!(told(blobs.get::<String>(&digest)), damaged);
    files::remove(&path(&dir, &digest)).unwrap();
    assert_eq!(
        told(blobs.bytes(&digest)),
        format!("store::corrupt_blob: the blob `{digest}` is missing")
    );
}

#[test]
fn a_blob_of_another_kind_is_no_record() {
    let (_folder, _dir, blobs) = place();
    let digest = blobs.put_text("[1,2,3]").unwrap();
    let refused = told(blobs.get::<ChatRequest>(&digest));
    assert!(refused.starts_with("store::unreadable_record: "), "{refused}");
}
