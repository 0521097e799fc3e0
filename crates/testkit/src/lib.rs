//! What tests of several crates need: an ambient that is a function of a counter, redactions for snapshots, and a provider
//! that does what a script says.
//!
//! Knows nothing of the crates under test.

mod ambient;
mod redact;
mod scripted_provider;

pub use ambient::CountingAmbient;
pub use redact::redact;
pub use scripted_provider::{Call, Script, ScriptedProvider};
