//! What is counted of attempts.

use std::sync::Arc;

use cultivar_gateway::{Observer, Seen};
use cultivar_telemetry::{Format, Settings, Telemetry};

use super::sample::{answered, at, intent};

fn telemetry(settings: Settings) -> Arc<Telemetry> {
    Telemetry::new(settings, "instance", at(0)).unwrap()
}

fn shown(telemetry: &Telemetry) -> String {
    telemetry.render(Format::Prometheus, None)
}

/// The lines of a name, without what every attempt of these tests has in common.
fn lines(telemetry: &Telemetry, name: &str) -> Vec<String> {
    let common = [
        "cultivar_market=\"US\",",
        "cultivar_model=\"lecturer\",",
        "cultivar_purpose=\"serve\",",
        "gen_ai_operation_name=\"chat\",",
    ];
    let text = common
        .iter()
        .fold(shown(telemetry), |text, part| text.replace(part, ""));
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.map(|line| line[name.len()..].to_owned()).collect()
}

#[test]
fn an_answer_is_counted_by_its_numbers() {
    let telemetry = telemetry(Settings::default());
    let intent = intent("mistral", "US", 1);
    telemetry.ended(&answered(&intent));
    telemetry.ended(&answered(&intent));
    let client = r#"{cultivar_provider="mistral",gen_ai_provider_name="mistral_ai",gen_ai_request_model="gpt-large-2026-01-01","#;
    let server = r#"server_address="api.mistral.ai",server_port="443"}"#;
    let tokens = |kind: &str| format!("{client}gen_ai_token_type=\"{kind}\",{server}");
    assert_eq!(
        lines(&telemetry, "gen_ai_client_token_usage_sum"),
        [
            format!("{} 200.0", tokens("input")),
            format!("{} 80.0", tokens("output"))
        ]
    );
    assert_eq!(
        lines(&telemetry, "gen_ai_client_operation_duration_seconds_sum"),
        [format!("{client}{server} 2.0")]
    );
    assert_eq!(
        lines(&telemetry, "gen_ai_client_operation_time_to_first_chunk_seconds_sum"),
        [format!("{client}{server} 0.18")]
    );
    let outwards = r#"{gen_ai_provider_name="mistral_ai",gen_ai_request_model="lecturer"}"#;
    assert_eq!(
        lines(&telemetry, "gen_ai_server_request_duration_seconds_sum"),
        [format!("{outwards} 2.02")]
    );
    assert_eq!(
        lines(&telemetry, "gen_ai_server_time_to_first_token_seconds_sum"),
        [format!("{outwards} 0.2")]
    );
    let own = r#"{cultivar_provider="mistral",gen_ai_provider_name="mistral_ai"}"#;
    assert_eq!(
        lines(&telemetry, "cultivar_cost_micro_usd_total"),
        [format!("{own} 14")]
    );
}

#[test]
fn what_was_estimated_is_no_usage_and_what_came_whole_has_no_first_chunk() {
    let telemetry = telemetry(Settings::default());
    let intent = intent("mistral", "US", 1);
    let mut seen = Seen {
        stream: false,
        ..answered(&intent)
    };
    seen.usage.estimated = true;
    telemetry.ended(&seen);
    let text = shown(&telemetry);
    assert!(
        !text.contains("token_usage") && !text.contains("time_to_first"),
        "{text}"
    );
    assert!(
        text.contains("gen_ai_client_operation_duration_seconds_count"),
        "{text}"
    );
}

#[test]
fn a_failed_attempt_ends_no_request_unless_its_client_has_left() {
    let telemetry = telemetry(Settings::default());
    let intent = intent("mistral", "US", 1);
    let failed = |error| Seen {
        outcome: "failed",
        error: Some(error),
        first_byte_at: None,
        ..answered(&intent)
    };
    telemetry.ended(&failed("provider_unreachable"));
    assert_eq!(
        lines(&telemetry, "gen_ai_server_request_duration_seconds_count"),
        Vec::<String>::new()
    );
    telemetry.ended(&failed("client_left"));
    let [left] = &lines(&telemetry, "gen_ai_server_request_duration_seconds_count")[..] else {
        panic!()
    };
    assert!(left.contains("error_type=\"client_left\""), "{left}");
    assert_eq!(lines(&telemetry, "cultivar_exchange_attempts_total").len(), 2);
}

#[test]
fn organisations_are_told_apart_only_where_that_is_wanted() {
    let (first, second) = (intent("mistral", "US", 1), intent("mistral", "US", 2));
    for (by_organization, expected) in [(false, 1), (true, 2)] {
        let telemetry = telemetry(Settings {
            by_organization,
            ..Settings::default()
        });
        telemetry.ended(&answered(&first));
        telemetry.ended(&answered(&second));
        assert_eq!(lines(&telemetry, "cultivar_exchange_attempts_total").len(), expected);
        assert_eq!(
            shown(&telemetry).contains(&first.organization.to_string()),
            by_organization
        );
        for id in [first.api_key.to_string(), first.id.to_string()] {
            assert!(!shown(&telemetry).contains(&id), "{id}");
        }
    }
}

#[test]
fn what_is_too_many_kinds_is_counted_together() {
    let telemetry = telemetry(Settings::default());
    for number in 0..2_500 {
        let intent = intent(&format!("provider-{number}"), "US", 1);
        telemetry.ended(&answered(&intent));
    }
    let attempts = lines(&telemetry, "cultivar_exchange_attempts_total");
    assert_eq!(attempts.len(), 2_001);
    let together: Vec<_> = attempts.iter().filter(|line| line.contains("overflow")).collect();
    assert_eq!(together, ["{otel_metric_overflow=\"true\"} 500"]);
}

#[test]
fn threads_lose_no_count() {
    let telemetry = telemetry(Settings::default());
    let intents: Vec<_> = (0..8).map(|n| intent(&format!("p{n}"), "US", n)).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..8_000 {
                    telemetry.ended(&answered(&intents[number % 8]));
                }
            });
        }
    });
    let attempts = lines(&telemetry, "cultivar_exchange_attempts_total");
    assert_eq!(attempts.len(), 8);
    assert!(attempts.iter().all(|line| line.ends_with(" 4000")), "{attempts:?}");
}
