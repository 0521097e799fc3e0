//! A collector that takes OTLP over HTTP as JSON, and holds it against tables of the conventions.
//! Sources: OpenTelemetry semantic conventions for generative AI, "Spans" and "Metrics"; OTLP's JSON mapping.

use std::collections::BTreeMap;

use cultivar_testkit::{RawProvider, Step};
use serde_json::Value;

/// Attributes of a span of an attempt, with the kind of their values; those with `true` are always there.
const SPAN: [(&str, &str, bool); 21] = [
    ("gen_ai.operation.name", "stringValue", true),
    ("gen_ai.provider.name", "stringValue", true),
    ("gen_ai.request.model", "stringValue", true),
    ("gen_ai.request.stream", "boolValue", true),
    ("gen_ai.conversation.id", "stringValue", false),
    ("gen_ai.response.time_to_first_chunk", "doubleValue", false),
    ("gen_ai.usage.input_tokens", "intValue", false),
    ("gen_ai.usage.output_tokens", "intValue", false),
    ("error.type", "stringValue", false),
    ("server.address", "stringValue", true),
    ("server.port", "intValue", true),
    ("cultivar.exchange.id", "stringValue", true),
    ("cultivar.attempt_of", "stringValue", false),
    ("cultivar.provider", "stringValue", true),
    ("cultivar.model", "stringValue", true),
    ("cultivar.market", "stringValue", true),
    ("cultivar.purpose", "stringValue", true),
    ("cultivar.outcome", "stringValue", true),
    ("cultivar.cost.micro_usd", "intValue", false),
    ("cultivar.usage.estimated", "boolValue", false),
    ("cultivar.organization.id", "stringValue", false),
];

const DURATION: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const FIRST_TOKEN: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Histograms of the conventions: unit, bounds, and the attributes that they require.
const HISTOGRAMS: [(&str, &str, &[f64], &[&str]); 5] = [
    (
        "gen_ai.client.token.usage",
        "{token}",
        &TOKENS,
        &["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.token.type"],
    ),
    (
        "gen_ai.client.operation.duration",
        "s",
        &DURATION,
        &["gen_ai.operation.name", "gen_ai.provider.name"],
    ),
    (
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
        &DURATION,
        &["gen_ai.operation.name", "gen_ai.provider.name"],
    ),
    (
        "gen_ai.server.request.duration",
        "s",
        &DURATION,
        &["gen_ai.operation.name", "gen_ai.provider.name"],
    ),
    (
        "gen_ai.server.time_to_first_token",
        "s",
        &FIRST_TOKEN,
        &["gen_ai.operation.name", "gen_ai.provider.name"],
    ),
];

/// A collector on a loopback port.
pub(crate) struct Collector(RawProvider);

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::refusing(200).await
    }

    pub(crate) async fn refusing(status: u16) -> Self {
        let answer = move |_, _: &_| vec![Step::answer(status, "application/json", "{}")];
        Self(RawProvider::start(answer).await.unwrap())
    }

    pub(crate) fn endpoint(&self) -> String {
        self.0.base_url().trim_end_matches("/v1").to_owned()
    }

    /// What was sent to a path.
    fn sent(&self, path: &str) -> Vec<Value> {
        let calls = self.0.calls().into_iter();
        let sent = calls.filter(|call| call.head.starts_with(&format!("POST {path} HTTP/1.1\r\n")));
        sent.map(|call| {
            for header in ["content-type: application/json\r\n", "x-collector-key: sesame\r\n"] {
                assert!(format!("{}\r\n", call.head).contains(header), "{}", call.head);
            }
            serde_json::from_slice(&call.body).unwrap()
        })
        .collect()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        let calls = self.0.calls().into_iter();
        calls.map(|call| String::from_utf8(call.body).unwrap()).collect()
    }

    /// Every span, as it came.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for body in self.sent("/v1/traces") {
            let [resource] = &list(&body["resourceSpans"])[..] else {
                panic!("{body}")
            };
            check_resource(resource);
            let [scope] = &list(&resource["scopeSpans"])[..] else {
                panic!("{body}")
            };
            assert_eq!(scope["scope"]["name"], "cultivar");
            spans.extend(list(&scope["spans"]).iter().map(Span::new));
        }
        spans
    }

    /// Holds every metric against the tables.
    pub(crate) fn check_metrics(&self) {
        let body = self.sent("/v1/metrics").pop().expect("metrics came");
        let [resource] = &list(&body["resourceMetrics"])[..] else {
            panic!("{body}")
        };
        check_resource(resource);
        let metrics = list(&resource["scopeMetrics"][0]["metrics"]);
        for (name, unit, bounds, required) in HISTOGRAMS {
            let metric = metrics.iter().find(|metric| metric["name"] == name).expect(name);
            assert_eq!(metric["unit"], unit, "{name}");
            assert_eq!(metric["histogram"]["aggregationTemporality"], 2);
            for point in list(&metric["histogram"]["dataPoints"]) {
                check_times(&point, "startTimeUnixNano", "timeUnixNano");
                let counts = list(&point["bucketCounts"]);
                let found: Vec<f64> = list(&point["explicitBounds"])
                    .iter()
                    .map(|b| b.as_f64().unwrap())
                    .collect();
                assert_eq!(found, bounds, "{name}");
                assert_eq!(counts.len(), bounds.len() + 1, "{name}");
                let total: u64 = counts.iter().map(whole).sum();
                assert_eq!(whole(&point["count"]), total, "{name}");
                assert!(total > 0 && point["sum"].is_number(), "{name}");
                let attributes = attributes(&point);
                for required in required {
                    assert!(attributes.contains_key(*required), "{name} {required}");
                }
            }
        }
        for metric in metrics
            .iter()
            .filter(|m| m["name"].as_str().unwrap().starts_with("cultivar."))
        {
            let (kind, data) = match (metric.get("sum"), metric.get("gauge")) {
                (Some(sum), None) => ("sum", sum),
                (None, Some(gauge)) => ("gauge", gauge),
                _ => panic!("{metric}"),
            };
            if kind == "sum" {
                assert_eq!(
                    (&data["aggregationTemporality"], &data["isMonotonic"]),
                    (&2.into(), &true.into())
                );
            }
            for point in list(&data["dataPoints"]) {
                check_times(&point, "startTimeUnixNano", "timeUnixNano");
                assert!(point["asInt"].is_string() ^ point["asDouble"].is_number(), "{point}");
            }
        }
        for name in [
            "cultivar.exchange.attempts",
            "cultivar.cost.micro_usd",
            "cultivar.journal.waiting.frames",
            "cultivar.journal.settle.failures",
            "cultivar.ledger.published.entries",
            "cultivar.open.streams",
            "cultivar.provider.breakers",
        ] {
            assert!(metrics.iter().any(|metric| metric["name"] == name), "{name}");
        }
    }
}

/// A span.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) json: Value,
    pub(crate) attributes: BTreeMap<String, Value>,
}

impl Span {
    fn new(json: &Value) -> Self {
        Self {
            attributes: attributes(json),
            json: json.clone(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }
}

/// Holds a span against the table.
pub(crate) fn check_span(span: &Span) {
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    assert!(
        is_hex(span.text("traceId"), 32) && is_hex(span.text("spanId"), 16),
        "{span:?}"
    );
    check_times(&span.json, "startTimeUnixNano", "endTimeUnixNano");
    for (name, value) in &span.attributes {
        let known = SPAN.iter().find(|(known, ..)| known == name);
        let (_, kind, _) = known.unwrap_or_else(|| panic!("{name} is in no table"));
        let [found] = &value.as_object().unwrap().keys().collect::<Vec<_>>()[..] else {
            panic!("{value}")
        };
        assert_eq!(found, kind, "{name}");
    }
    for (name, ..) in SPAN.iter().filter(|(.., required)| *required) {
        assert!(span.attributes.contains_key(*name), "{name}: {span:?}");
    }
}

fn check_resource(of: &Value) {
    let attributes = attributes(&of["resource"]);
    assert_eq!(attributes["service.name"]["stringValue"], "cultivar");
    assert_eq!(attributes["service.instance.id"]["stringValue"], "instance-1");
    assert!(attributes.contains_key("service.version"));
}

fn check_times(of: &Value, from: &str, to: &str) {
    assert!(whole(&of[from]) > 0 && whole(&of[from]) <= whole(&of[to]), "{of}");
}

/// A 64-bit number, which is text.
fn whole(value: &Value) -> u64 {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{value} is no number as text"))
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).clone()
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let attributes = list(&of["attributes"]);
    let found: BTreeMap<_, _> = attributes
        .iter()
        .map(|attribute| {
            (
                attribute["key"].as_str().unwrap().to_owned(),
                attribute["value"].clone(),
            )
        })
        .collect();
    assert_eq!(found.len(), attributes.len(), "an attribute comes once: {of}");
    found
}
