//! Decides whether a use is permitted, from terms and approvals expressed as data and Cedar policies, and explains the
//! answer. [`Register`] holds the terms as facts, [`Permits`] the policies in force; [`Permits::decide`] answers one
//! [`UseRequest`] about one row of terms with a [`Verdict`](cultivar_record::Verdict) that names every determining policy.
//!
//! Facts, not legal advice: the register says what a document says, the policies say what follows from it, and a named
//! person of the organisation has to accept a row before it permits anything.
//!
//! This crate knows neither clock nor database: who asks, on what footing, and when, are arguments. It does not know which
//! rows bind a dataset: the caller asks once for each. Rows that bind one answer together are a [`stack`].

mod cases;
mod difference;
mod duties;
mod error;
mod explain;
mod markets;
mod pack;
mod permits;
mod prepared;
mod question;
mod register;
mod request;
pub mod stack;

pub use cases::{Case, CaseBook, Outcome};
pub use difference::{Change, Difference, differences};
pub use duties::duties;
pub use error::PolicyError;
pub use explain::{Answer, Condition, Explanation};
pub use markets::Markets;
pub use pack::PolicyText;
pub use permits::Permits;
pub use register::{OWN_MODELS, Register};
pub use request::{
    Access, Commerce, Competition, Demand, DutiesMet, Footing, Offering, Reading, Release, Scores, Settings, Silence,
    Training, Use, UseRequest, Waiver,
};
