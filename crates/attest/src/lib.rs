//! What people sign, and how it is checked: statements with Ed25519 signatures of members, and whether those that are there
//! suffice. An [`Approval`](cultivar_record::Approval) opens a market for a model of our own; a
//! [`Grant`](cultivar_record::Grant) says that a contract waives facts of some terms.
//!
//! This crate knows neither clock nor database: which members there are, which digests hold now and what time it is are
//! arguments. It does not know what an approval or a grant leads to.

mod checklist;
mod error;
mod grant;
mod keys;
mod quorum;
mod signers;
mod statement;

pub use checklist::{Checklist, ChecklistItem, Checklists, Collected, Source, collect};
pub use error::AttestError;
pub use grant::{Wanted, covers, grant_standing};
pub use keys::{SecretKey, public_key, public_key_text};
pub use quorum::{Circumstances, Standing, approval_standing};
pub use signers::take_signature;
pub use statement::{Statement, statement_bytes};
