//! What can be wrong with a ledger.

use cultivar_record::{Digest, LeafIndex, RecordError};
use miette::Diagnostic;
use thiserror::Error;

/// A file, proof or signature that is not what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum LedgerError {
    /// A text does not parse as the named thing. The text is not repeated: it may be a secret.
    #[error("this is not a {what}: {reason}")]
    #[diagnostic(code("ledger::malformed"), help("write it as in this example: `{example}`"))]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// Why it is none.
        reason: String,
        /// One that is right.
        example: &'static str,
    },
    /// A file's source failed; made by implementations of [`crate::TileSource`].
    #[error("`{path}` cannot be read: {reason}")]
    #[diagnostic(
        code("ledger::file_unreadable"),
        help("check that the ledger's folder is there and readable")
    )]
    FileUnreadable {
        /// The file, relative to the ledger's folder.
        path: String,
        /// What the source said.
        reason: String,
    },
    /// A file that the tree head promises is not there.
    #[error("`{path}` is missing")]
    #[diagnostic(
        code("ledger::file_missing"),
        help("read `checkpoint` again, for the log may have grown; if it has not, restore the file from a copy")
    )]
    FileMissing {
        /// The file.
        path: String,
    },
    /// A tile or bundle has the wrong length or framing.
    #[error("`{path}` is damaged: {reason}")]
    #[diagnostic(
        code("ledger::file_damaged"),
        help("restore the file from a copy, then verify again")
    )]
    FileDamaged {
        /// The file.
        path: String,
        /// What is wrong with its bytes.
        reason: String,
    },
    /// A tile does not hold the hashes that the tree head commits to.
    #[error("hash {position} in `{path}` is not what the log committed to")]
    #[diagnostic(
        code("ledger::tile_altered"),
        help("restore the file from a copy; if the entries are whole, the tile can be computed from them")
    )]
    TileAltered {
        /// The file.
        path: String,
        /// The first hash that is wrong, from 0; 0 where only the whole tile is known to be wrong.
        position: usize,
    },
    /// An entry is not the one that was committed to.
    #[error("entry {index} in `{path}` was altered after it was committed")]
    #[diagnostic(
        code("ledger::entry_altered"),
        help("restore the file from a copy; nothing else can bring the entry back")
    )]
    EntryAltered {
        /// The entry.
        index: LeafIndex,
        /// The bundle that holds it.
        path: String,
    },
    /// An entry was committed to but is no ledger entry in canonical JSON.
    #[error("entry {index} in `{path}` is not the canonical JSON of a ledger entry: {reason}")]
    #[diagnostic(
        code("ledger::entry_not_canonical"),
        help("it was written by another program or another version; ask who holds the log's key")
    )]
    EntryNotCanonical {
        /// The entry.
        index: LeafIndex,
        /// The bundle that holds it.
        path: String,
        /// What is wrong with it: a parser's words or a position, never its text.
        reason: String,
    },
    /// An entry is longer than a bundle can hold.
    #[error("entry {index} has {bytes} bytes, more than the 65535 that a ledger entry may have")]
    #[diagnostic(
        code("ledger::entry_too_large"),
        help("put the content into a blob and commit to its digest")
    )]
    EntryTooLarge {
        /// Where it would have stood.
        index: LeafIndex,
        /// Its length.
        bytes: usize,
    },
    /// The files lead to another root than the tree head says.
    #[error("the files of the log's {size} entries lead to the root {computed}, but the tree head says {signed}")]
    #[diagnostic(
        code("ledger::root_mismatch"),
        help("files and tree head are of different logs or moments: restore both from the same copy")
    )]
    RootMismatch {
        /// Entries that the tree head covers.
        size: u64,
        /// The tree head's root.
        signed: Digest,
        /// The files' root.
        computed: Digest,
    },
    /// The note has no signature of this key.
    #[error("the note is not signed by `{name}`")]
    #[diagnostic(
        code("ledger::unknown_signer"),
        help(
            "use the verifier key of the log that signed it; it lies in `log.vkey` and should come to you another way"
        )
    )]
    UnknownSigner {
        /// The key's name.
        name: String,
    },
    /// A signature of this key is there and wrong.
    #[error("the signature of `{name}` does not fit the signed text")]
    #[diagnostic(
        code("ledger::bad_signature"),
        help("the text or the signature was altered: fetch it again from its origin")
    )]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// The tree head is of another log.
    #[error("the tree head is of the log `{found}`, not of `{expected}`")]
    #[diagnostic(code("ledger::other_log"), help("use the verifier key of the log that you mean"))]
    OtherLog {
        /// The key's name.
        expected: String,
        /// The tree head's origin.
        found: String,
    },
    /// A witness has not cosigned the tree head.
    #[error("the witness `{name}` has not cosigned this tree head")]
    #[diagnostic(
        code("ledger::not_cosigned"),
        help("wait until the log was at the witness again, or ask whoever runs the witness what it saw")
    )]
    NotCosigned {
        /// The witness.
        name: String,
    },
    /// An index or size lies outside the log.
    #[error("{what} {value} lies outside a log of {size} entries")]
    #[diagnostic(
        code("ledger::out_of_range"),
        help("entries are counted from 0, and a tree is at most as large as the log")
    )]
    OutOfRange {
        /// What was asked for: `entry` or `tree size`.
        what: &'static str,
        /// Its number.
        value: u64,
        /// The log's size.
        size: u64,
    },
    /// A proof does not lead to the root.
    #[error("the {what} proof does not hold")]
    #[diagnostic(
        code("ledger::proof_fails"),
        help("the entry, the proof or the tree head was altered, or they are of different logs")
    )]
    ProofFails {
        /// Which kind: `inclusion` or `consistency`.
        what: &'static str,
    },
    /// A record has no canonical bytes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}
