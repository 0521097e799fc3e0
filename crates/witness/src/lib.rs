//! Witnesses: somebody who does not trust a log keeps its newest tree head and cosigns only what continues it, so that nobody can
//! be shown another history. [`Witness`] is one; [`keep_cosigned`] asks those that a log has.
//!
//! It does not know what entries say, how a question travels (`cultivar-web` serves it, the gateway's client sends it), or whom
//! anybody believes.

mod ask;
mod error;
mod keep;

pub use ask::{Asked, keep_cosigned};
pub use error::WitnessError;
pub use keep::{Watched, Witness};
