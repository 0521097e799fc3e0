//! The ledger: an RFC 6962 Merkle tree in C2SP tiles under an Ed25519 signed tree head, from bytes to bytes.
//!
//! [`Appender`] turns entries into tile files, [`LogSigner`] signs the tree head, [`PublishedLog`] proves from tiles,
//! [`verify_log`] checks a whole log from its files alone, and [`TlogProof`] is the one-file proof that is handed out.
//! [`AddCheckpoint`] is what a log asks a witness, [`WitnessKey`] checks what the witness says.
//!
//! Sources: RFC 6962 and RFC 9162 (tree, proofs); `c2sp.org/tlog-tiles@v0.1.0`, `signed-note@v1.0.0`,
//! `tlog-checkpoint@v1.0.0`, `tlog-proof@v1`, `tlog-witness@v1.0.0` and `tlog-cosignature@v1.0.1` (files). C2SP's "checkpoint" is a *tree head* here.
//!
//! This crate does not know where files lie (a [`TileSource`] brings their bytes, the caller writes them), what time it is,
//! where the secret key comes from, or what an entry means beyond its shape.

mod append;
mod bundle;
mod cosignature;
mod error;
mod key;
mod merkle;
mod note;
mod pedigree;
mod proof;
mod published;
mod source;
#[cfg(test)]
mod testing;
mod tile;
mod tlog_proof;
mod tree_head;
mod verify;
mod witness;

pub use append::{Appended, Appender};
pub use cosignature::{WitnessKey, WitnessSigner, with_cosignatures};
pub use error::LedgerError;
pub use key::{LogSigner, NoteKey, NoteSigner, VerifierKey};
pub use merkle::leaf_hash;
pub use pedigree::{sign_pedigree, verify_pedigree};
pub use proof::{ConsistencyProof, InclusionProof};
pub use published::PublishedLog;
pub use source::TileSource;
pub use tile::TilePath;
pub use tlog_proof::TlogProof;
pub use tree_head::TreeHead;
pub use verify::{VerifyReport, verify_log};
pub use witness::{AddCheckpoint, WitnessRefusal};

/// The file in the ledger's folder that holds the signed tree head (C2SP tlog-tiles).
pub const TREE_HEAD_FILE: &str = "checkpoint";

/// The file in the ledger's folder that holds the verifier key, one line.
pub const VERIFIER_KEY_FILE: &str = "log.vkey";
