//! Families as text, for Prometheus.
//! Sources: Prometheus text format 0.0.4; `OpenMetrics` 1.0; OpenTelemetry specification, "Prometheus and `OpenMetrics` Compatibility":
//! dots become underscores, units become suffixes, counters end in `_total`.

use std::fmt::Write as _;

use crate::{
    family::{Attribute, Attributes, Family, Kind, Value},
    histogram::Counted,
};

/// The two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that an `Accept` header asks for: the older one unless the newer is named.
    pub fn accepted(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Families as text, and first of all what they are of.
pub(crate) fn render(families: &[Family], resource: &[(&'static str, String)], format: Format) -> String {
    let mut text = String::with_capacity(16 << 10);
    let resource = resource.iter().map(|(name, value)| (*name, value.as_str().into()));
    let resource = labels(&resource.collect(), None);
    let (name, kind) = match format {
        Format::Prometheus => ("target_info", "gauge"),
        Format::OpenMetrics => ("target", "info"),
    };
    let _ = write!(
        text,
        "# HELP {name} What this is.\n# TYPE {name} {kind}\ntarget_info{resource} 1\n"
    );
    for family in families {
        write_family(&mut text, family, format);
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn write_family(text: &mut String, family: &Family, format: Format) {
    let (name, unit) = name(family);
    let total = if family.kind == Kind::Counter { "_total" } else { "" };
    let headed = match format {
        Format::Prometheus => format!("{name}{total}"),
        Format::OpenMetrics => name.clone(),
    };
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let _ = writeln!(text, "# HELP {headed} {}", family.help);
    let _ = writeln!(text, "# TYPE {headed} {kind}");
    if let (Format::OpenMetrics, Some(unit)) = (format, unit) {
        let _ = writeln!(text, "# UNIT {headed} {unit}");
    }
    for (attributes, value) in &family.points {
        match value {
            Value::Whole(number) => {
                let _ = writeln!(text, "{name}{total}{} {number}", labels(attributes, None));
            }
            Value::Real(number) => {
                let _ = writeln!(text, "{name}{total}{} {number:?}", labels(attributes, None));
            }
            Value::Counted(counted) => write_counted(text, &name, attributes, counted),
        }
    }
}

fn write_counted(text: &mut String, name: &str, attributes: &Attributes, counted: &Counted) {
    let bounds = counted.bounds.iter().map(|bound| format!("{bound:?}"));
    let mut so_far = 0;
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&counted.counts) {
        so_far += count;
        let _ = writeln!(text, "{name}_bucket{} {so_far}", labels(attributes, Some(&bound)));
    }
    let labels = labels(attributes, None);
    let _ = writeln!(text, "{name}_sum{labels} {:?}", counted.sum);
    let _ = writeln!(text, "{name}_count{labels} {so_far}");
}

/// The name in Prometheus, without what marks a counter, and its unit where it ends in one.
fn name(family: &Family) -> (String, Option<&'static str>) {
    let mut name = underscored(family.name);
    let unit = match family.unit {
        "s" => Some("seconds"),
        "By" => Some("bytes"),
        // A unit in braces is a note, and no part of the name.
        _ => None,
    };
    if let Some(unit) = unit
        && !name.ends_with(unit)
    {
        name = name + "_" + unit;
    }
    (name, unit)
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

fn labels(attributes: &Attributes, bound: Option<&str>) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &str| {
        text.push(if text.is_empty() { '{' } else { ',' });
        let _ = write!(text, "{}=\"", underscored(name));
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                letter => text.push(letter),
            }
        }
        text.push('"');
    };
    for (name, value) in attributes {
        match value {
            Attribute::Text(value) => add(name, value),
            Attribute::Number(number) => add(name, &number.to_string()),
            Attribute::Flag(flag) => add(name, if *flag { "true" } else { "false" }),
        }
    }
    if let Some(bound) = bound {
        add("le", bound);
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Vec<Family> {
        let attributes = Attributes::from([
            ("gen_ai.request.model", Attribute::from("a \"b\"\\\nc")),
            ("server.port", Attribute::Number(443)),
        ]);
        let mut counter = Family::new("cultivar.test.requests", "{request}", Kind::Counter, "A test.");
        counter.add(attributes.clone(), Value::Whole(3));
        let mut histogram = Family::new("gen_ai.test.duration", "s", Kind::Histogram, "A test.");
        histogram.add(
            attributes,
            Value::Counted(Counted {
                bounds: vec![0.01, 1.0],
                counts: vec![1, 0, 2],
                sum: 7.5,
            }),
        );
        let mut gauge = Family::new("cultivar.test.age.seconds", "s", Kind::Gauge, "A test.");
        gauge.add(Attributes::new(), Value::Real(0.25));
        vec![counter, histogram, gauge]
    }

    const LABELS: &str = r#"gen_ai_request_model="a \"b\"\\\nc",server_port="443""#;

    #[test]
    fn prometheus_reads_the_older_format() {
        let text = render(
            &families(),
            &[("service.name", "cultivar".to_owned())],
            Format::Prometheus,
        );
        let expected = format!(
            "# HELP target_info What this is.\n# TYPE target_info gauge\ntarget_info{{service_name=\"cultivar\"}} 1\n\
             # HELP cultivar_test_requests_total A test.\n# TYPE cultivar_test_requests_total counter\n\
             cultivar_test_requests_total{{{LABELS}}} 3\n\
             # HELP gen_ai_test_duration_seconds A test.\n# TYPE gen_ai_test_duration_seconds histogram\n\
             gen_ai_test_duration_seconds_bucket{{{LABELS},le=\"0.01\"}} 1\n\
             gen_ai_test_duration_seconds_bucket{{{LABELS},le=\"1.0\"}} 1\n\
             gen_ai_test_duration_seconds_bucket{{{LABELS},le=\"+Inf\"}} 3\n\
             gen_ai_test_duration_seconds_sum{{{LABELS}}} 7.5\ngen_ai_test_duration_seconds_count{{{LABELS}}} 3\n\
             # HELP cultivar_test_age_seconds A test.\n# TYPE cultivar_test_age_seconds gauge\n\
             cultivar_test_age_seconds 0.25\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn open_metrics_names_families_and_units() {
        let text = render(&families(), &[], Format::OpenMetrics);
        for line in [
            "# TYPE target info",
            "target_info 1",
            "# TYPE cultivar_test_requests counter",
            "# TYPE gen_ai_test_duration_seconds histogram",
            "# UNIT gen_ai_test_duration_seconds seconds",
            "cultivar_test_age_seconds 0.25",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
        assert!(text.contains("cultivar_test_requests_total{"));
    }

    #[test]
    fn the_newer_format_is_sent_to_who_names_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(Format::accepted(Some("*/*")), Format::Prometheus);
        assert_eq!(Format::accepted(None), Format::Prometheus);
    }
}
