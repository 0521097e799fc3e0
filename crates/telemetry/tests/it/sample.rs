//! Attempts to count.

use std::sync::Arc;

use cultivar_gateway::Seen;
use cultivar_record::{
    ApiKeyId, Digest, Endpoint, ExchangeId, Intent, Market, MicroUsd, OrganizationId, Purpose, TermsKey, Timestamp,
    TokenCount, Usage, VerdictId,
};

/// 2026-01-01T00:00:00Z, in microseconds.
const START: i64 = 1_767_225_600_000_000;

/// A moment, in milliseconds since the first.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(START + millis * 1_000)
}

/// What a key of some organisation asks of a provider.
///
/// # Panics
/// Never: the names are well formed.
pub(crate) fn intent(provider: &str, market: &str, number: u8) -> Arc<Intent> {
    let (random, of_key, of_call) = ([number; 32], [number ^ 0x40; 32], [number ^ 0x20; 32]);
    let name = |text: &str| text.parse::<Market>().unwrap_or_else(|error| panic!("{error}"));
    Arc::new(Intent {
        api_key: ApiKeyId::from_parts(at(0), &of_key),
        at: at(0),
        attempt_of: None,
        conversation: None,
        endpoint: Endpoint::ChatCompletions,
        id: ExchangeId::from_parts(at(0), &of_call),
        market: name(market),
        model: "lecturer".to_owned(),
        organization: OrganizationId::from_parts(at(0), &random),
        project: None,
        provider: provider.to_owned(),
        provider_model: "gpt-large-2026-01-01".to_owned(),
        purpose: Purpose::Serve,
        request: Digest::of_bytes(b"a question"),
        terms: "cc-by-4_0"
            .parse::<TermsKey>()
            .unwrap_or_else(|error| panic!("{error}")),
        terms_digest: Digest::of_bytes(b"terms"),
        verdict: VerdictId::from_parts(at(0), &random),
    })
}

/// An answer that came as events.
pub(crate) fn answered(intent: &Arc<Intent>) -> Seen<'_> {
    Seen {
        intent,
        provider_kind: "openai",
        base_url: Some("https://api.mistral.ai/v1"),
        stream: true,
        outcome: "answered",
        error: None,
        usage: Usage::counted(TokenCount::new(100), TokenCount::new(40)),
        cost: MicroUsd::new(7),
        trace: None,
        asked_at: at(-10),
        first_byte_at: Some(at(90)),
        ended_at: at(1_000),
    }
}
