//! The nouns of Cultivar: typed ids, units, digests, and every record that is stored or logged, with its canonical bytes.
//!
//! This crate holds data and its invariants. It does not know how records are stored (`cultivar-store`), how an answer is
//! made (`cultivar-gateway`) or what is permitted (`cultivar-policy`). It reads neither the clock nor the environment: time
//! and randomness arrive through [`Ambient`].

mod ambient;
mod api_key;
mod approval;
mod canonical;
pub mod chat;
mod comparison;
mod dataset;
mod digest;
mod duties;
mod endpoint;
mod erasure;
mod error;
mod evidence;
mod exchange;
mod grant;
mod id;
mod incident;
mod job;
mod ledger_entry;
mod limit;
mod market;
mod member_key;
mod organization;
mod pedigree;
mod provider;
mod run;
mod seed;
mod terms;
mod time;
mod trace;
mod units;
mod unquoted;
mod verdict;
mod waived;

pub use ambient::Ambient;
pub use api_key::{ApiKey, IpRange, Purpose};
pub use approval::{Approval, ApprovalStatement, DutyKind, Quorum, UnsignedApproval, Withdrawal};
pub use canonical::{canonical_json, digest_of, sorted_json};
pub use comparison::{Comparison, ComparisonPlan, Estimate, SubjectScore};
pub use dataset::{Dataset, Dropped, Example, ExchangeSet, Split, SplitSummary};
pub use digest::Digest;
pub use duties::{Clash, Duties, Duty, Owed};
pub use endpoint::Endpoint;
pub use erasure::{ErasedExchange, Erasure, ErasureReason, MarkedDataset, MarkedModel};
pub use error::RecordError;
pub use evidence::{Counts, Evidence, EvidenceItem};
pub use exchange::{Exchange, ExchangeOutcome, Failure, Intent, Usage};
pub use grant::{Grant, GrantStatement};
pub use id::{
    ApiKeyId, ApprovalId, ComparisonId, ConversationId, DatasetId, ErasureId, ExchangeId, GrantId, IncidentId, JobId,
    MemberId, ModelVersionId, OrganizationId, ProjectId, ProviderId, RunId, VerdictId,
};
pub use incident::Incident;
pub use job::{Job, JobState};
pub use ledger_entry::{Commitment, EntryKind, LeafIndex, LedgerEntry, Salt};
pub use limit::{Budget, BudgetPeriod, Limit};
pub use market::Market;
pub use member_key::{MemberKey, MemberSignature};
pub use organization::{Enforcement, Member, MemberRole, Organization, Project, Retention, Standing};
pub use pedigree::{DatasetAncestor, Pedigree, SignedPedigree, TermsAncestor};
pub use provider::{Price, Provider, ProviderKind};
pub use run::{Checkpoint, Run, RunState};
pub use seed::Seed;
pub use terms::{Acceptance, Confidence, Fact, FactName, Terms, TermsKey};
pub use time::Timestamp;
pub use trace::Trace;
pub use units::{ByteCount, MicroUsd, TokenCount};
pub use unquoted::without_values;
pub use verdict::{Decision, Reason, UseAction, Verdict};
pub use waived::Waived;
