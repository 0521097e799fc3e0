//! What can go wrong on the way to a collector. Nothing of it reaches a request.

use miette::Diagnostic;
use thiserror::Error;

/// What can go wrong on the way to a collector.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum TelemetryError {
    /// The endpoint is no address.
    #[error("`{endpoint}` is not where a collector can be: {reason}")]
    #[diagnostic(
        code("telemetry::endpoint"),
        help(
            "name its base, for instance `http://127.0.0.1:4318`, in `[telemetry] otlp_endpoint` or `OTEL_EXPORTER_OTLP_ENDPOINT`"
        )
    )]
    Endpoint {
        /// What was named.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header is none.
    #[error("a header for the collector cannot be sent: `{name}`")]
    #[diagnostic(
        code("telemetry::header"),
        help("write `OTEL_EXPORTER_OTLP_HEADERS` as `name=value,name=value`")
    )]
    Header {
        /// Its name; its value may be a secret.
        name: String,
    },
    /// The collector could not be reached.
    #[error("the collector at `{endpoint}` cannot be reached: {reason}")]
    #[diagnostic(
        code("telemetry::unreachable"),
        help("requests are answered all the same; spans wait, and are dropped once too many do")
    )]
    Unreachable {
        /// Where it should be.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// The collector did not take what it was sent.
    #[error("the collector at `{endpoint}` answered {status}")]
    #[diagnostic(
        code("telemetry::refused"),
        help("it must take OTLP over HTTP as JSON; see its own log for the reason")
    )]
    Refused {
        /// Where it is.
        endpoint: String,
        /// Its status.
        status: u16,
    },
}
