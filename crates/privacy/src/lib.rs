//! Finds personal data in text and replaces it consistently ("desensitisation").
//!
//! [`Desensitiser::desensitise`] runs every detector of `detectors/`, settles overlaps, and puts a surrogate in the place of
//! each found value: from a reserved range, of the same shape, and the same one wherever the same value appears under the
//! same key. It repeats that until a scan of the result finds nothing but surrogates of ours, so that doing it twice is doing
//! it once. [`PrivacyReport`] says what was replaced, in counts and never in values.
//!
//! What is found is what these detectors describe, each with its misses. Names, addresses and other data without a form of
//! their own are not found, and text so treated is pseudonymised, not anonymous (GDPR recital 26). This crate knows text and
//! chat messages; it knows neither files nor who the text is about.

mod checksum;
mod desensitise;
mod detectors;
mod digits;
mod draw;
mod error;
mod messages;
mod report;
mod resolve;
mod span;

pub use desensitise::{Desensitised, Desensitiser};
pub use error::PrivacyError;
pub use report::{DetectorCount, PrivacyReport, Verification};
pub use span::{Kind, Span, Strength};
