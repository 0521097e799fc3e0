//! Everything that is counted, as families: the conventions' and ours. Names of ours begin with `cultivar.` and end in a unit.

use std::sync::atomic::Ordering::Relaxed;

use cultivar_gateway::State;

use crate::{
    Telemetry,
    conventions::{self as named, OURSELVES},
    family::{Attribute, Attributes, Family, Kind, Value},
};

/// Microseconds of one second.
const MICROS: f64 = 1e6;

struct Calls {
    tokens: Family,
    duration: Family,
    first_chunk: Family,
    request: Family,
    first_token: Family,
    attempts: Family,
    cost: Family,
    refused: Family,
}

impl Calls {
    #[rustfmt::skip]
    fn new() -> Self {
        use Kind::{Counter, Histogram};
        Self {
            tokens: Family::new("gen_ai.client.token.usage", "{token}", Histogram, "Number of input and output tokens used."),
            duration: Family::new("gen_ai.client.operation.duration", "s", Histogram, "GenAI operation duration."),
            first_chunk: Family::new("gen_ai.client.operation.time_to_first_chunk", "s", Histogram, "Time to receive the first chunk of a streamed answer from the provider."),
            request: Family::new("gen_ai.server.request.duration", "s", Histogram, "Generative AI server request duration such as time-to-last byte or last output token."),
            first_token: Family::new("gen_ai.server.time_to_first_token", "s", Histogram, "Time to generate first token for successful responses."),
            attempts: Family::new("cultivar.exchange.attempts", "{attempt}", Counter, "Attempts at answering a request, each with one provider."),
            cost: Family::new("cultivar.cost.micro_usd", "{micro_usd}", Counter, "What answers cost, in millionths of a US dollar."),
            refused: Family::new("cultivar.refused.requests", "{request}", Counter, "Requests that ended without an answer, by what their callers were told."),
        }
    }

    fn into_families(self) -> [Family; 8] {
        [
            self.tokens,
            self.duration,
            self.first_chunk,
            self.request,
            self.first_token,
            self.attempts,
            self.cost,
            self.refused,
        ]
    }
}

/// Everything that is counted, and how the door stands where that is known.
pub(crate) fn families(telemetry: &Telemetry, state: Option<&State>) -> Vec<Family> {
    let mut families = calls(telemetry);
    if let Some(state) = state {
        families.extend(door(state));
    }
    families.extend(export(telemetry));
    families.retain(|family| !family.points.is_empty());
    families
}

fn calls(telemetry: &Telemetry) -> Vec<Family> {
    let mut calls = Calls::new();
    for series in telemetry.registry.all() {
        let (client, server, mut own) = (series.client(), series.server(), series.own());
        for (kind, counted) in [("input", &series.input), ("output", &series.output)] {
            let tokens = with(client.clone(), named::TOKEN_TYPE, Some(kind));
            calls.tokens.add_counted(tokens, counted.read(1.0));
        }
        calls
            .first_chunk
            .add_counted(client.clone(), series.first_chunk.read(MICROS));
        calls
            .first_token
            .add_counted(server.clone(), series.first_token.read(MICROS));
        let (client, server) = (
            with(client, named::ERROR, series.error()),
            with(server, named::ERROR, series.error()),
        );
        calls.duration.add_counted(client, series.duration.read(MICROS));
        calls.request.add_counted(server, series.request.read(MICROS));
        calls.cost.add(own.clone(), Value::Whole(series.cost.load(Relaxed)));
        own = with(own, named::OUTCOME, series.outcome());
        own = with(own, named::ERROR, series.error());
        calls.attempts.add(own, Value::Whole(series.attempts.load(Relaxed)));
    }
    for (attributes, told) in telemetry.refusals.all() {
        let request = with(attributes.clone(), named::PROVIDER, Some(OURSELVES));
        calls.request.add_counted(request, told.request.read(MICROS));
        calls.refused.add(attributes, Value::Whole(told.count.load(Relaxed)));
    }
    calls.into_families().into()
}

fn with(mut attributes: Attributes, name: &'static str, value: Option<&str>) -> Attributes {
    if let Some(value) = value {
        attributes.insert(name, value.into());
    }
    attributes
}

#[rustfmt::skip]
fn door(state: &State) -> Vec<Family> {
    use Kind::{Counter, Gauge};
    let journal = &state.journal;
    let waiting = state.durable_entries.saturating_sub(state.published_entries);
    let mut families = vec![
        alone("cultivar.open.calls", "{call}", Gauge, "Attempts under way.", whole(state.open_calls)),
        alone("cultivar.open.streams", "{stream}", Gauge, "Streamed answers under way.", whole(state.open_streams)),
        alone("cultivar.journal.waiting.frames", "{frame}", Gauge, "Frames of the journal that wait to be settled.", whole(journal.frames)),
        alone("cultivar.journal.waiting.bytes", "By", Gauge, "Bytes of the journal that wait to be settled.", whole(journal.bytes)),
        alone("cultivar.journal.settle.failures", "{failure}", Counter, "Attempts to settle the journal that failed.", Value::Whole(journal.failures)),
        alone("cultivar.ledger.published.entries", "{entry}", Gauge, "Entries that the last tree head covers.", Value::Whole(state.published_entries)),
        alone("cultivar.ledger.waiting.entries", "{entry}", Gauge, "Entries that wait for a tree head.", Value::Whole(waiting)),
    ];
    if let Some(lag) = state.lag_ms() {
        families.push(alone("cultivar.ledger.publish.age.seconds", "s", Gauge, "Time since everything that was durable was last published.", Value::Real(crate::histogram::approximate(lag) / 1e3)));
    }
    let mut breakers = Family::new("cultivar.provider.breakers", "{breaker}", Gauge, "Whether a provider is asked: its breaker is 1 in one state and 0 in the others.");
    for breaker in &state.breakers {
        for state in ["closed", "open", "half_open"] {
            let attributes = Attributes::from([
                (named::OUR_PROVIDER, Attribute::from(breaker.provider.as_str())),
                (named::OUR_MODEL, Attribute::from(breaker.model.as_str())),
                (named::BREAKER_STATE, Attribute::from(state)),
            ]);
            breakers.add(attributes, Value::Whole(u64::from(breaker.state == state)));
        }
    }
    families.push(breakers);
    families
}

#[rustfmt::skip]
fn export(telemetry: &Telemetry) -> Vec<Family> {
    let Some(waiting) = telemetry.waiting_spans() else { return Vec::new() };
    vec![
        alone("cultivar.telemetry.waiting.spans", "{span}", Kind::Gauge, "Spans that wait to be exported.", whole(waiting)),
        alone("cultivar.telemetry.exported.spans", "{span}", Kind::Counter, "Spans that the collector took.", Value::Whole(telemetry.exported.load(Relaxed))),
        alone("cultivar.telemetry.dropped.spans", "{span}", Kind::Counter, "Spans that were dropped: too many waited, or the collector did not take them.", Value::Whole(telemetry.dropped.load(Relaxed))),
    ]
}

fn alone(name: &'static str, unit: &'static str, kind: Kind, help: &'static str, value: Value) -> Family {
    let mut family = Family::new(name, unit, kind, help);
    family.add(Attributes::new(), value);
    family
}

fn whole(number: usize) -> Value {
    Value::Whole(u64::try_from(number).unwrap_or(u64::MAX))
}
