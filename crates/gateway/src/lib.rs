//! The one door. Every model call, ours included, is permitted, routed, metered and recorded here; this is the only crate
//! that opens a socket to a provider. The page is [`Gateway::forward`].
//!
//! It does not know HTTP inwards (`cultivar-web`), how weights make text (a [`LocalModel`] is joined from above), or why
//! somebody asks.

mod alerts;
mod answer;
mod attempt;
mod caller;
mod claim;
mod complete;
mod desk;
mod directory;
mod error;
mod forward;
mod gateway;
mod incidents;
mod kept;
mod key;
mod meter;
mod observe;
mod offer;
mod permit;
pub mod providers;
mod publisher;
mod recorder;
mod retention;
mod route;
mod score;
mod signed;
mod spend;
mod state;
mod stream;
mod tasks;

pub use answer::{Answer, AnswerEvent};
pub use caller::{Caller, Credentials};
pub use complete::{Question, read_chunks};
pub use cultivar_dialect::{Sign, StandingSign};
pub use cultivar_limits::rates::{Exceeded, LimitRefusal, RateState, RateWindow, Wait, go_duration};
pub use desk::{Act, Coverage, NewKey, NewProvider, OrganizationChange, Registered};
pub use error::{GatewayError, ProviderRefusal};
pub use forward::{Call, Forwarded, ForwardedBody};
pub use gateway::{Gateway, Parts, Variables};
pub use key::KeyHasher;
pub use observe::{Observer, Seen, Unanswered};
pub use offer::Offer;
pub use providers::{LocalModel, local::LocalScore};
pub use publisher::LedgerFiles;
pub use recorder::Durability;
pub use route::{LeftAlone, Ruling};
pub use signed::EvidenceThere;
pub use state::{ProviderBreaker, State};
pub use stream::{AnswerStream, Part};
pub use tasks::Tasks;
