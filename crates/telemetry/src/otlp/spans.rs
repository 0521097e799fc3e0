//! One span per attempt.

use std::{fmt::Write as _, sync::Arc};

use cultivar_record::{ExchangeId, Intent, MicroUsd, Timestamp, Trace, Usage};
use serde_json::{Value as Json, json};

use super::{Resource, attributes, flag, number, put, real, text};
use crate::{
    conventions as named,
    series::{Series, micros},
};

/// `SPAN_KIND_INTERNAL`: the model runs in this process.
const INTERNAL: u8 = 1;
/// `SPAN_KIND_CLIENT`.
const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// An attempt that has ended, as it waits to be exported: what is shared is not copied.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) intent: Arc<Intent>,
    pub(crate) series: Arc<Series>,
    /// The provider's kind.
    pub(crate) kind: &'static str,
    pub(crate) stream: bool,
    pub(crate) outcome: &'static str,
    pub(crate) usage: Usage,
    pub(crate) cost: MicroUsd,
    pub(crate) trace: Option<Trace>,
    pub(crate) first_byte_at: Option<Timestamp>,
    pub(crate) finished_at: Timestamp,
}

/// The body of `POST /v1/traces`.
pub(crate) fn traces(ended: &[Ended], resource: &Resource) -> Json {
    let spans: Vec<Json> = ended.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": resource.resource,
        "scopeSpans": [{ "scope": resource.scope, "spans": spans }],
    }] })
}

fn span(ended: &Ended) -> Json {
    let intent = &ended.intent;
    let own = digits(intent.id);
    let operation = named::operation(intent.endpoint);
    let mut span = json!({
        "traceId": trace_id(intent, ended.trace),
        "spanId": own.get(16..).unwrap_or_default(),
        "name": format!("{operation} {}", intent.provider_model),
        "kind": if ended.kind == "local" { INTERNAL } else { CLIENT },
        "startTimeUnixNano": nanos(intent.at).to_string(),
        "endTimeUnixNano": nanos(ended.finished_at.max(intent.at)).to_string(),
        "attributes": told(ended),
    });
    if let Some(trace) = ended.trace {
        put(&mut span, "parentSpanId", json!(hex(&trace.parent)));
    }
    if ended.series.error().is_some() {
        put(&mut span, "status", json!({ "code": ERROR }));
    }
    span
}

fn told(ended: &Ended) -> Vec<Json> {
    let Ended { intent, series, .. } = ended;
    let mut client = series.client();
    // Where too many kinds are counted together, each is still told as it is.
    if client.remove(named::OVERFLOW).is_some() {
        client.insert(named::OPERATION, named::operation(intent.endpoint).into());
        client.insert(named::PROVIDER, named::provider_name(ended.kind, None).into());
        client.insert(named::REQUEST_MODEL, intent.provider_model.as_str().into());
    }
    let mut told = attributes(&client);
    told.extend([
        text(named::EXCHANGE, &intent.id.to_string()),
        text(named::OUTCOME, ended.outcome),
        flag(named::REQUEST_STREAM, ended.stream),
    ]);
    told.extend(series.error().map(|code| text(named::ERROR, code)));
    told.extend(
        intent
            .attempt_of
            .map(|first| text(named::ATTEMPT_OF, &first.to_string())),
    );
    told.extend(
        intent
            .conversation
            .map(|conversation| text(named::CONVERSATION, &conversation.to_string())),
    );
    if let Some(first) = ended.first_byte_at.filter(|_| ended.stream) {
        told.push(real(
            named::FIRST_CHUNK,
            crate::histogram::approximate(micros(intent.at, first)) / 1e6,
        ));
    }
    if matches!(ended.outcome, "answered" | "partial") {
        let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        told.extend([
            number(named::INPUT_TOKENS, tokens(ended.usage.prompt.get())),
            number(named::OUTPUT_TOKENS, tokens(ended.usage.completion.get())),
            number(named::COST, ended.cost.get()),
        ]);
        if ended.usage.estimated {
            told.push(flag(named::ESTIMATED, true));
        }
    }
    told
}

/// The trace of the request; where whoever asked has none, that of the first attempt, whose id is unique and random.
pub(crate) fn trace_id(intent: &Intent, trace: Option<Trace>) -> String {
    match trace {
        Some(trace) => hex(&trace.id),
        None => digits(intent.attempt_of.unwrap_or(intent.id)),
    }
}

/// The 32 hexadecimal digits of an id.
fn digits(id: ExchangeId) -> String {
    let mut text = id.to_string();
    text.retain(|digit| digit != '-');
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Nanoseconds since the epoch.
pub(crate) fn nanos(at: Timestamp) -> u128 {
    u128::from(at.micros().max(0).unsigned_abs()) * 1_000
}
