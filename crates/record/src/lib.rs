//! The nouns of Cultivar: typed ids, units, digests, and every record that is stored or logged, with its canonical bytes.
//!
//! This crate holds data and its invariants. It does not know how records are stored (`cultivar-store`), how an answer is
//! made (`cultivar-gateway`) or what is permitted (`cultivar-policy`). It reads neither the clock nor the environment: time
//! and randomness arrive through [`Ambient`].

mod ambient;
mod canonical;
pub mod chat;
mod comparison;
mod dataset;
mod digest;
mod error;
mod exchange;
mod id;
mod job;
mod ledger_entry;
mod market;
mod organization;
mod pedigree;
mod provider;
mod run;
mod seed;
mod terms;
mod time;
mod units;
mod verdict;

pub use ambient::Ambient;
pub use canonical::{canonical_json, digest_of};
pub use comparison::{Comparison, ComparisonPlan, Estimate, SubjectScore};
pub use dataset::{Dataset, Dropped, Example, ExchangeSet, Split, SplitSummary};
pub use digest::Digest;
pub use error::RecordError;
pub use exchange::{Exchange, ExchangeOutcome, Failure, Intent, Usage};
pub use id::{
    ApiKeyId, ComparisonId, ConversationId, DatasetId, ExchangeId, JobId, ModelVersionId, OrganizationId, ProviderId,
    RunId, VerdictId,
};
pub use job::{Job, JobState};
pub use ledger_entry::{Commitment, EntryKind, LeafIndex, LedgerEntry, Salt};
pub use market::Market;
pub use organization::{ApiKey, Organization, Purpose, Standing};
pub use pedigree::{DatasetAncestor, Pedigree, SignedPedigree, TermsAncestor};
pub use provider::{Price, Provider, ProviderKind};
pub use run::{Checkpoint, Run, RunState};
pub use seed::Seed;
pub use terms::{Acceptance, Confidence, Fact, FactName, Terms, TermsKey};
pub use time::Timestamp;
pub use units::{ByteCount, MicroUsd, TokenCount};
pub use verdict::{Decision, Reason, UseAction, Verdict};
