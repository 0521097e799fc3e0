//! What is seen of every attempt from outside: numbers and names, no text of anybody. Whoever counts or traces is joined from
//! above.

use cultivar_record::{Intent, MicroUsd, Timestamp, Usage};

/// One attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What was asked, of whom, by whom.
    pub intent: &'a Intent,
    /// The provider's kind, as it is named in its record.
    pub provider_kind: &'static str,
    /// Whether the answer came as events.
    pub stream: bool,
    /// `answered`, `partial`, `failed`, `unknown`.
    pub outcome: &'static str,
    /// The code of the failure, where it failed.
    pub error: Option<&'a str>,
    /// Tokens used.
    pub usage: Usage,
    /// What it cost.
    pub cost: MicroUsd,
    /// When the first byte of the answer came.
    pub first_byte_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Counts or traces attempts. It is called on the path of a request: it does not wait.
pub trait Observer: Send + Sync {
    /// An attempt has ended.
    fn ended(&self, seen: &Seen<'_>);
}
