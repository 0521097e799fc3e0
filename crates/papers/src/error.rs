//! What can be wrong with a paper.

use cultivar_record::RecordError;
use miette::Diagnostic;
use thiserror::Error;

/// A paper or a key that is not what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum PapersError {
    /// A key cannot be read. It is not repeated: it may be secret.
    #[error("this is no P-256 key: {reason}")]
    #[diagnostic(
        code("papers::key_malformed"),
        help("a public key is a PEM block `-----BEGIN PUBLIC KEY-----`; restore the file from a backup")
    )]
    KeyMalformed {
        /// Why.
        reason: String,
    },
    /// The paper has another shape.
    #[error("`{paper}` cannot be read: {reason}")]
    #[diagnostic(
        code("papers::malformed"),
        help("ask whoever published the model for the paper again")
    )]
    Malformed {
        /// Which paper.
        paper: &'static str,
        /// Why.
        reason: String,
    },
    /// The signature is of another key, or of other bytes.
    #[error("the signature in `{paper}` does not hold")]
    #[diagnostic(
        code("papers::bad_signature"),
        help("check that the public key is the publisher's; if it is, the paper was altered")
    )]
    BadSignature {
        /// Which paper.
        paper: &'static str,
    },
    /// A file is not the one that the paper is about.
    #[error("`{paper}` is about another `{file}`")]
    #[diagnostic(
        code("papers::other_file"),
        help("the file was altered after it was published: do not use the model, and ask the publisher for it")
    )]
    OtherFile {
        /// Which paper.
        paper: &'static str,
        /// Which file.
        file: String,
    },
    /// A file that the paper names is not there.
    #[error("`{file}` is missing, and `{paper}` is about it")]
    #[diagnostic(
        code("papers::file_missing"),
        help("get the whole folder from whoever published the model")
    )]
    FileMissing {
        /// Which paper.
        paper: &'static str,
        /// Which file.
        file: String,
    },
    /// A file that the paper does not name.
    #[error("`{file}` lies in the folder, and `{paper}` does not know it")]
    #[diagnostic(
        code("papers::extra_file"),
        help("take the file out of the folder, and find out who put it there")
    )]
    ExtraFile {
        /// Which paper.
        paper: &'static str,
        /// Which file.
        file: String,
    },
    /// A record could not be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}
