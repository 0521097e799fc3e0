//! What is told to a collector: `[telemetry]` in the configuration, over the variables that every OpenTelemetry exporter reads.
//! Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "Environment Variable Specification".

use std::{sync::Arc, time::Duration};

use cultivar_record::{Ambient, ExchangeId};
use cultivar_telemetry::{Settings, Telemetry};
use serde::Deserialize;

use crate::{
    failure::Failure,
    system::{System, variable},
};

/// What the file may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfiguredTelemetry {
    /// The base of a collector that takes OTLP over HTTP, for instance `http://127.0.0.1:4318`.
    pub otlp_endpoint: Option<String>,
    /// How many of a hundred traces are exported, of those that nobody else began; all where it is not said.
    pub traced_percent: Option<u8>,
    /// Whether organisations are told apart in metrics, by their ids.
    pub by_organization: bool,
}

/// Counts from now on, as the configuration and the environment want it.
///
/// # Errors
/// `telemetry::endpoint`, `telemetry::header`.
pub(crate) fn open(configured: &ConfiguredTelemetry) -> Result<Arc<Telemetry>, Failure> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let millis = |name: &str| set(name)?.parse().ok().map(Duration::from_millis);
    let default = Settings::default();
    let settings = Settings {
        otlp_endpoint: configured
            .otlp_endpoint
            .clone()
            .or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT")),
        otlp_headers: headers(&set("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default()),
        service_name: set("OTEL_SERVICE_NAME").unwrap_or(default.service_name),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        spans_every: millis("OTEL_BSP_SCHEDULE_DELAY").unwrap_or(default.spans_every),
        metrics_every: millis("OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(default.metrics_every),
        trace_share: f64::from(configured.traced_percent.unwrap_or(100)) / 100.0,
        by_organization: configured.by_organization,
    };
    let instance = ExchangeId::new(&System).to_string();
    Ok(Telemetry::new(settings, &instance, System.now())?)
}

/// `name=value,name=value`, values percent-encoded (W3C Baggage, without metadata).
fn headers(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.trim().to_owned(), decoded(value.trim()))
    };
    pairs.map(header).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let escaped = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_pairs_with_encoded_values() {
        let read = headers("authorization=Basic%20YTpi, x-team = a=b%2Cc ,,");
        let expected = [("authorization", "Basic YTpi"), ("x-team", "a=b,c")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert!(headers("").is_empty());
    }
}
