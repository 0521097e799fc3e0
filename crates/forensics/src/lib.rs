//! Tests that point at misuse (watermark, radioactivity, extraction, canary, output match), and near-duplicates.
//!
//! This crate knows texts and numbers. It knows neither who wrote a text nor what follows from a finding: that is a case.

mod shingles;
mod sketch;

pub use sketch::{Banding, Groups, near_duplicates};
