//! What tests of several crates need: an ambient that is a function of a counter, redactions for snapshots, and a provider
//! that does what a script says.
//!
//! Knows nothing of the crates under test.

mod ambient;
mod raw_provider;
mod redact;
mod scripted_provider;
pub mod wire;

pub use ambient::CountingAmbient;
pub use raw_provider::{RawCall, RawProvider, Step};
pub use redact::redact;
pub use scripted_provider::{Call, Script, ScriptedProvider};
