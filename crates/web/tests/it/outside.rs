//! What is seen from outside: readiness, metrics, spans. Names are the conventions', and no text of anybody is among them.

#![expect(clippy::float_cmp, reason = "what is counted are whole numbers")]

mod collector;
mod reader;

use std::{sync::Arc, time::Duration};

use cultivar_gateway::NewProvider;
use cultivar_record::{Purpose, Timestamp};
use cultivar_telemetry::{Settings, Telemetry};
use cultivar_testkit::{RawProvider, Step};
use serde_json::{Value, json};

use self::{
    collector::Collector,
    reader::{Sample, read},
};
use crate::{
    door::{ANSWER, Door, MODEL, good, piece, provider, question, soon, stream_of},
    site::{Reply, send},
};

/// Words that nobody but the test says: of a prompt, an answer, a provider's refusal, a key.
const SECRETS: [&str; 4] = ["zanzibar-prompt", "quicksilver-answer", "marmalade-refusal", "skc_"];

fn asked(text: &str) -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": text }] })
}

fn metrics(door: &Door, headers: &[(&str, &str)]) -> Reply {
    send(door.address, "GET", "/metrics", headers, b"")
}

fn answer(text: &str) -> Vec<Step> {
    let body = ANSWER.replace("Rayleigh.", text);
    vec![Step::answer(200, "application/json", &body)]
}

/// A provider that answers, then streams, then refuses, then breaks off.
async fn moody() -> RawProvider {
    let end = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"large\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3,\"total_tokens\":8}}\n\n";
    RawProvider::start(move |before, _| match before {
        0 => answer(SECRETS[1]),
        1 => stream_of(&[piece(SECRETS[1]).as_bytes(), end.as_bytes(), b"data: [DONE]\n\n"]),
        2 => vec![Step::answer(
            400,
            "application/json",
            &format!(
                "{{\"error\":{{\"message\":\"{}\",\"type\":\"invalid_request_error\",\"code\":\"bad\"}}}}",
                SECRETS[2]
            ),
        )],
        _ => stream_of(&[piece(SECRETS[1]).as_bytes()]),
    })
    .await
    .unwrap()
}

async fn ask_moody(door: &Door, headers: &[(&str, &str)]) {
    for is_stream in [false, true, false, true] {
        let mut body = asked(SECRETS[0]);
        body["stream"] = is_stream.into();
        let open = door.begin_with(&door.key, headers, &body).await.unwrap();
        open.whole().await.unwrap();
    }
    door.until_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_hinders() {
    let door = Door::open().await;
    let ready = || {
        let reply = send(door.address, "GET", "/readyz", &[("host", "door.example")], b"");
        (reply.status, reply.body)
    };
    assert_eq!(send(door.address, "GET", "/healthz", &[], b"").body, "ok\n");
    let (status, body) = ready();
    assert_eq!(status, 503);
    assert!(body.starts_with("ledger: "), "{body}");
    assert!(
        body.ends_with("entries wait, and no tree head was published yet\n"),
        "{body}"
    );
    let told_to_stop = std::future::ready(());
    let publishing = Arc::clone(&door.gateway).publish_until(told_to_stop, |error| panic!("{error}"));
    publishing.await;
    assert_eq!(ready(), (200, "ready\n".to_owned()));
    door.gateway.stop_soon();
    assert_eq!(ready(), (503, "stopping: the server is about to end\n".to_owned()));
    assert_eq!(send(door.address, "GET", "/healthz", &[], b"").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_told_to_this_machine_and_to_who_administers() {
    let door = Door::open().await;
    let (_, administrator) = door
        .gateway
        .issue_key(&door.organization, "a", Purpose::Administer)
        .await
        .unwrap();
    let bearer = |key: &str| format!("Bearer {key}");
    let (serves, administers) = (bearer(&door.key), bearer(&administrator));
    let elsewhere = ("host", "door.example");
    for (headers, status) in [
        (vec![], 200),
        (vec![elsewhere], 401),
        (vec![("origin", "http://evil.example")], 401),
        (vec![elsewhere, ("authorization", serves.as_str())], 403),
        (vec![("authorization", serves.as_str())], 403),
        (vec![elsewhere, ("authorization", administers.as_str())], 200),
        (vec![elsewhere, ("authorization", "Bearer wrong")], 401),
    ] {
        assert_eq!(metrics(&door, &headers).status, status, "{headers:?}");
    }
}

fn one<'a>(samples: &'a [Sample], name: &str, labels: &[(&str, &str)]) -> &'a Sample {
    let holds = |sample: &&Sample| {
        sample.name == name
            && labels
                .iter()
                .all(|(name, value)| sample.labels.get(*name).is_some_and(|v| v == value))
    };
    let mut found = samples.iter().filter(holds);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("{name} {labels:?} in {samples:#?}"));
    assert_eq!(found.next(), None, "{name} {labels:?}");
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_counted_once_by_the_conventions() {
    let door = Door::open().await;
    let provider = moody().await;
    door.register("moody", &provider, |_| ()).await;
    ask_moody(&door, &[]).await;
    assert_eq!(door.ask_with("skc_wrong", &question()).await.status, 401);
    let mut unknown = question();
    unknown["model"] = json!("nothing");
    assert_eq!(door.ask(&unknown).await.status, 404);

    let reply = metrics(&door, &[]);
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let samples = read(&reply.body, "_total").unwrap();
    let port = provider
        .base_url()
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches("/v1")
        .to_owned();
    let client = [
        ("gen_ai_operation_name", "chat"),
        ("gen_ai_provider_name", "openai"),
        ("gen_ai_request_model", "large"),
        ("server_address", "127.0.0.1"),
        ("server_port", port.as_str()),
        ("cultivar_provider", "moody"),
        ("cultivar_model", MODEL),
        ("cultivar_market", "US"),
        ("cultivar_purpose", "serve"),
    ];
    let number = |name: &str, more: &[(&str, &str)]| one(&samples, name, more).value;
    let with = |more: (&'static str, &'static str)| [client.to_vec(), vec![more]].concat();
    for (kind, tokens) in [("input", 10.0), ("output", 6.0)] {
        let labels = with(("gen_ai_token_type", kind));
        assert_eq!(number("gen_ai_client_token_usage_count", &labels), 2.0);
        assert_eq!(number("gen_ai_client_token_usage_sum", &labels), tokens);
    }
    let attempts = |outcome: &'static str, error: Option<&'static str>| {
        let labels = [("cultivar_outcome", outcome), ("error_type", error.unwrap_or("-"))];
        let labels = if error.is_some() { &labels[..] } else { &labels[..1] };
        number("cultivar_exchange_attempts_total", labels)
    };
    assert_eq!(attempts("answered", None), 2.0);
    assert_eq!(attempts("failed", Some("provider_refused")), 1.0);
    assert_eq!(attempts("partial", Some("answer_broke_off")), 1.0);
    let durations = samples
        .iter()
        .filter(|s| s.name == "gen_ai_client_operation_duration_seconds_count");
    assert_eq!(durations.map(|s| s.value).sum::<f64>(), 4.0);
    let requests = samples
        .iter()
        .filter(|s| s.name == "gen_ai_server_request_duration_seconds_count");
    // Two answers, one that broke off, one refusal, one unknown model. A key that is not known asks for nothing yet.
    assert_eq!(requests.map(|s| s.value).sum::<f64>(), 5.0);
    let first = samples
        .iter()
        .filter(|s| s.name == "gen_ai_server_time_to_first_token_seconds_count");
    assert_eq!(first.map(|s| s.value).sum::<f64>(), 2.0);
    for code in ["invalid_api_key", "model_not_found", "provider_refused"] {
        assert_eq!(number("cultivar_refused_requests_total", &[("error_type", code)]), 1.0);
    }
    let cost = samples.iter().filter(|s| s.name == "cultivar_cost_micro_usd_total");
    assert!(cost.map(|s| s.value).sum::<f64>() >= 68.0);
    assert_eq!(number("cultivar_open_calls", &[]), 0.0);
    assert_eq!(number("cultivar_open_streams", &[]), 0.0);
    let breaker = |state| number("cultivar_provider_breakers", &[("cultivar_breaker_state", state)]);
    assert_eq!(
        (breaker("closed"), breaker("open"), breaker("half_open")),
        (1.0, 0.0, 0.0)
    );
    for secret in SECRETS {
        assert!(!reply.body.contains(secret), "{secret}");
    }
    openmetrics_tells_the_same(&door, &samples);
}

fn openmetrics_tells_the_same(door: &Door, samples: &[Sample]) {
    let newer = metrics(door, &[("accept", "application/openmetrics-text; version=1.0.0")]);
    assert!(
        newer
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let newer = newer.body.strip_suffix("# EOF\n").unwrap();
    let count = |samples: &[Sample]| samples.iter().filter(|s| s.name.starts_with("gen_ai")).count();
    assert_eq!(count(&read(newer, "").unwrap()), count(samples));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_seen() {
    let door = Door::open().await;
    let hanging = provider(|| vec![Step::stream_head(), Step::chunk(piece("a").as_bytes()), Step::Hang]).await;
    door.register("hanging", &hanging, |_| ()).await;
    let mut body = question();
    body["stream"] = true.into();
    let mut open = door.begin(&body).await;
    open.until("content").await.unwrap();
    let under_way = || {
        let samples = read(&metrics(&door, &[]).body, "_total").unwrap();
        ["cultivar_open_calls", "cultivar_open_streams"].map(|name| one(&samples, name, &[]).value)
    };
    assert_eq!(under_way(), [1.0, 1.0]);
    drop(open);
    soon(async {
        while under_way() != [0.0, 0.0] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Counts and traces for a collector.
fn traced(collector: &Collector, spans_every: Duration) -> Arc<Telemetry> {
    let settings = Settings {
        otlp_endpoint: Some(collector.endpoint()),
        otlp_headers: vec![("x-collector-key".to_owned(), "sesame".to_owned())],
        spans_every,
        metrics_every: Duration::from_mins(5),
        ..Settings::default()
    };
    Telemetry::new(settings, "instance-1", Timestamp::from_micros(1)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_a_span_for_every_attempt() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let collector = Collector::start().await;
    let door = Door::seen_by(traced(&collector, Duration::from_mins(5))).await;
    door.telemetry
        .start(Arc::clone(&door.gateway), |error| panic!("{error}"));
    let provider = moody().await;
    door.register("moody", &provider, |_| ()).await;
    ask_moody(&door, &[("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"))]).await;
    // A trace that its beginner does not record is not recorded here either.
    ask_moody(&door, &[("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-00"))]).await;
    door.telemetry.close().await;

    let spans = collector.spans();
    assert_eq!(spans.len(), 4);
    for (span, exchange) in spans.iter().zip(door.exchanges()) {
        collector::check_span(span);
        assert_eq!(span.text("traceId"), TRACE);
        assert_eq!(span.text("parentSpanId"), "00f067aa0ba902b7");
        assert_eq!(span.text("name"), "chat large");
        assert_eq!(span.json["kind"], 3);
        let id = exchange.intent.id.to_string();
        assert_eq!(span.attributes["cultivar.exchange.id"], json!({ "stringValue": id }));
        assert_eq!(span.text("spanId"), &id.replace('-', "")[16..]);
    }
    let [whole, streamed, refused, broken] = &spans[..] else {
        panic!()
    };
    for span in [whole, streamed] {
        assert_eq!(span.attributes["gen_ai.usage.input_tokens"], json!({ "intValue": "5" }));
        assert_eq!(
            span.attributes["gen_ai.usage.output_tokens"],
            json!({ "intValue": "3" })
        );
        assert_eq!(span.attributes["cultivar.cost.micro_usd"], json!({ "intValue": "34" }));
        assert!(span.json.get("status").is_none());
    }
    assert!(!whole.attributes.contains_key("gen_ai.response.time_to_first_chunk"));
    assert!(streamed.attributes["gen_ai.response.time_to_first_chunk"]["doubleValue"].is_f64());
    assert_eq!(
        refused.attributes["error.type"],
        json!({ "stringValue": "provider_refused" })
    );
    assert_eq!(
        broken.attributes["error.type"],
        json!({ "stringValue": "answer_broke_off" })
    );
    assert_eq!(
        broken.attributes["cultivar.usage.estimated"],
        json!({ "boolValue": true })
    );
    assert_eq!(
        (&refused.json["status"], &broken.json["status"]),
        (&json!({ "code": 2 }), &json!({ "code": 2 }))
    );

    collector.check_metrics();
    for text in collector.bodies() {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_one_question_are_one_trace() {
    let collector = Collector::start().await;
    let door = Door::seen_by(traced(&collector, Duration::from_millis(20))).await;
    door.telemetry
        .start(Arc::clone(&door.gateway), |error| panic!("{error}"));
    let (failing, good) = (
        provider(|| vec![Step::answer(503, "text/plain", "no")]).await,
        good().await,
    );
    let weight = |weight: u32| move |new: &mut NewProvider| new.weight = Some(weight);
    // A share of nothing is asked last.
    door.register("failing", &failing, weight(1)).await;
    door.register("good", &good, weight(0)).await;
    assert_eq!(door.ask(&question()).await.status, 200);
    // Nobody waits for the end: batches leave by themselves.
    soon(async {
        while collector.spans().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let spans = collector.spans();
    let [first, second] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(first.text("traceId"), second.text("traceId"));
    assert_ne!(first.text("spanId"), second.text("spanId"));
    let id = door.exchanges()[0].intent.id.to_string();
    assert_eq!(first.text("traceId"), id.replace('-', ""));
    assert!(!first.attributes.contains_key("cultivar.attempt_of"));
    assert_eq!(second.attributes["cultivar.attempt_of"], json!({ "stringValue": id }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_costs_spans_and_nothing_else() {
    let collector = Collector::refusing(400).await;
    let door = Door::seen_by(traced(&collector, Duration::from_millis(5))).await;
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let tell = move |error| told.send(error).unwrap();
    door.telemetry.start(Arc::clone(&door.gateway), tell);
    let good = good().await;
    door.register("good", &good, |_| ()).await;
    for _ in 0..3 {
        assert_eq!(door.ask(&question()).await.status, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    door.telemetry.close().await;
    let error = hears.try_recv().unwrap();
    assert!(error.to_string().ends_with("/v1/traces` answered 400"), "{error}");
    assert!(hears.try_recv().is_err(), "it is told once");
    let samples = read(&metrics(&door, &[]).body, "_total").unwrap();
    assert_eq!(one(&samples, "cultivar_telemetry_dropped_spans_total", &[]).value, 3.0);
    assert_eq!(one(&samples, "cultivar_telemetry_exported_spans_total", &[]).value, 0.0);
}
