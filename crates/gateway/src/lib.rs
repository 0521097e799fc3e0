//! The one door. Every model call, ours included, is permitted, routed, metered and recorded here; this is the only crate
//! that opens a socket to a provider. The page is [`Gateway::complete`].
//!
//! It does not know HTTP inwards (`cultivar-web`), how weights make text (a [`LocalModel`] is joined from above), or why
//! somebody asks.

mod answer;
mod caller;
mod complete;
mod desk;
mod error;
mod gateway;
mod key;
mod meter;
mod permit;
pub mod providers;
mod publisher;
mod recorder;
mod route;
mod score;
mod tasks;

pub use answer::{Answer, AnswerEvent};
pub use caller::Caller;
pub use complete::Question;
pub use desk::{NewProvider, Registered};
pub use error::GatewayError;
pub use gateway::{Gateway, Parts, Variables};
pub use key::KeyHasher;
pub use providers::{LocalModel, local::LocalAnswer, local::LocalScore};
pub use publisher::LedgerFiles;
pub use route::Route;
pub use tasks::Tasks;
