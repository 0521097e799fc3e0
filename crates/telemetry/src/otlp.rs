//! OTLP as JSON: families and spans in the shape that collectors take.
//! Sources: OpenTelemetry protocol 1.x (`opentelemetry-proto`) and its JSON mapping ("OTLP/HTTP, JSON Protobuf Encoding"): names in
//! lower camel case, 64-bit integers as text, enumerations as numbers, ids in hexadecimal.

mod spans;

use serde_json::{Value as Json, json};

use crate::{
    family::{Attribute, Attributes, Family, Kind, Value},
    histogram::Counted,
};

pub(crate) use spans::{Ended, nanos, trace_id, traces};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: counted since the process began.
const CUMULATIVE: u8 = 2;

/// What everything is of, in OTLP's words.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    resource: Json,
    scope: Json,
}

impl Resource {
    pub(crate) fn new(attributes: &[(&'static str, String)], version: &str) -> Self {
        let attributes: Vec<Json> = attributes.iter().map(|(name, value)| text(name, value)).collect();
        Self {
            resource: json!({ "attributes": attributes }),
            scope: json!({ "name": "cultivar", "version": version }),
        }
    }
}

/// The body of `POST /v1/metrics`: families as they stand at a moment, counted from another. Nanoseconds since the epoch.
pub(crate) fn metrics(families: &[Family], resource: &Resource, start: u128, now: u128) -> Json {
    let metrics: Vec<Json> = families.iter().map(|family| metric(family, start, now)).collect();
    json!({ "resourceMetrics": [{
        "resource": resource.resource,
        "scopeMetrics": [{ "scope": resource.scope, "metrics": metrics }],
    }] })
}

fn metric(family: &Family, start: u128, now: u128) -> Json {
    let points = family.points.iter();
    let points: Vec<Json> = points.map(|point| data_point(point, start, now)).collect();
    let mut metric = json!({ "name": family.name, "unit": family.unit, "description": family.help });
    let (kind, data) = match family.kind {
        Kind::Counter => (
            "sum",
            json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true }),
        ),
        Kind::Gauge => ("gauge", json!({ "dataPoints": points })),
        Kind::Histogram => (
            "histogram",
            json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE }),
        ),
    };
    put(&mut metric, kind, data);
    metric
}

fn data_point((attributes, value): (&Attributes, &Value), start: u128, now: u128) -> Json {
    let mut point = json!({
        "attributes": self::attributes(attributes),
        "startTimeUnixNano": start.to_string(),
        "timeUnixNano": now.to_string(),
    });
    match value {
        Value::Whole(number) => put(&mut point, "asInt", json!(number.to_string())),
        Value::Real(number) => put(&mut point, "asDouble", json!(number)),
        Value::Counted(Counted { bounds, counts, sum }) => {
            let texts: Vec<String> = counts.iter().map(u64::to_string).collect();
            let count: u64 = counts.iter().sum();
            put(&mut point, "count", json!(count.to_string()));
            put(&mut point, "sum", json!(sum));
            put(&mut point, "bucketCounts", json!(texts));
            put(&mut point, "explicitBounds", json!(bounds));
        }
    }
    point
}

fn attributes(attributes: &Attributes) -> Vec<Json> {
    let shown = attributes.iter().map(|(name, value)| match value {
        Attribute::Text(value) => text(name, value),
        Attribute::Number(value) => number(name, *value),
        Attribute::Flag(value) => flag(name, *value),
    });
    shown.collect()
}

fn text(name: &str, value: &str) -> Json {
    json!({ "key": name, "value": { "stringValue": value } })
}

fn number(name: &str, value: i64) -> Json {
    json!({ "key": name, "value": { "intValue": value.to_string() } })
}

fn real(name: &str, value: f64) -> Json {
    json!({ "key": name, "value": { "doubleValue": value } })
}

fn flag(name: &str, value: bool) -> Json {
    json!({ "key": name, "value": { "boolValue": value } })
}

fn put(object: &mut Json, name: &str, value: Json) {
    if let Json::Object(object) = object {
        object.insert(name.to_owned(), value);
    }
}
