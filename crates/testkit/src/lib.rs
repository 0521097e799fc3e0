//! What tests of several crates need: an ambient that is a function of a counter, and redactions for snapshots.
//!
//! Knows nothing of the crates under test.

mod ambient;
mod redact;

pub use ambient::CountingAmbient;
pub use redact::redact;
