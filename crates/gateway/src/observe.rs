//! What is seen from outside of every request: numbers and names, no text of anybody. Whoever counts or traces is joined from
//! above.

use std::sync::Arc;

use cultivar_record::{Endpoint, Intent, MicroUsd, Timestamp, Trace, Usage};

use crate::{Gateway, GatewayError};

/// One attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What was asked, of whom, by whom. Shared, so that whoever keeps it need not copy it.
    pub intent: &'a Arc<Intent>,
    /// The provider's kind, as it is named in its record.
    pub provider_kind: &'static str,
    /// Where the provider is: its base URL.
    pub base_url: Option<&'a str>,
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
    /// The trace of the request, where whoever asked has one.
    pub trace: Option<Trace>,
    /// When the request came: before its first attempt.
    pub asked_at: Timestamp,
    /// When the first byte of the answer came.
    pub first_byte_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// One request that was refused, or whose attempts all failed.
#[derive(Clone, Copy, Debug)]
pub struct Unanswered<'a> {
    /// What was asked for, where it was a call of a model.
    pub endpoint: Option<Endpoint>,
    /// The code of what the caller was told.
    pub error: &'a str,
    /// When the request came.
    pub asked_at: Timestamp,
    /// When its caller was told.
    pub ended_at: Timestamp,
}

/// Counts or traces requests. It is called on their path: it does not wait.
pub trait Observer: Send + Sync {
    /// An attempt has ended.
    fn ended(&self, seen: &Seen<'_>);

    /// A request has ended without an answer. Its attempts, where it had any, were told before.
    fn unanswered(&self, _: &Unanswered<'_>) {}
}

impl Gateway {
    /// Tells the observers of a request that is not answered.
    pub(crate) fn tell_unanswered(&self, endpoint: Option<Endpoint>, error: &GatewayError, asked_at: Timestamp) {
        if self.observers.is_empty() {
            return;
        }
        let code = error.code_text();
        let unanswered = Unanswered {
            endpoint,
            error: &code,
            asked_at,
            ended_at: self.ambient.now(),
        };
        for observer in &self.observers {
            observer.unanswered(&unanswered);
        }
    }
}
