//! Providers that fail in every way: what the client is told, who is asked instead, and what is recorded of each attempt.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cultivar_record::ExchangeOutcome;
use cultivar_store::tables;
use cultivar_testkit::{RawProvider, Step};
use serde_json::{Value, json};

use crate::door::{ANSWER, Door, MODEL, good, piece, price, provider, question, soon, stream_of, streaming};

const JSON: &str = "application/json";

fn told(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(provider, outcome)| ((*provider).to_owned(), (*outcome).to_owned()))
        .collect()
}

/// A way to fail: what is sent, and status, type and code of the error where nobody else can be asked.
type Fault = (&'static str, Vec<Step>, (u16, &'static str, &'static str));

fn faults() -> Vec<Fault> {
    let unreachable = (502, "server_error", "provider_unreachable");
    let malformed = (502, "server_error", "provider_malformed");
    let refused = (502, "server_error", "provider_refused");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let sized = |length: usize, body: &str| Step::send(format!("{head}content-length: {length}\r\n\r\n{body}"));
    let many_headers = "x-header: y\r\n".repeat(20_000);
    let error = |kind: &str, code: &str| {
        json!({ "error": { "message": "no", "type": kind, "param": null, "code": code } }).to_string()
    };
    let broken = vec![
        ("a reset before the answer", vec![Step::Reset], unreachable),
        ("an end before the answer", vec![Step::Close], unreachable),
        ("a reset in the head", vec![Step::send(head), Step::Reset], unreachable),
        (
            "a reset in the body",
            vec![
                sized(1_000, "{\"id\""),
                Step::Wait(Duration::from_millis(20)),
                Step::Reset,
            ],
            unreachable,
        ),
        (
            "a length that is too long",
            vec![sized(ANSWER.len() + 1, ANSWER), Step::Close],
            unreachable,
        ),
        (
            "a length that is too short",
            vec![sized(ANSWER.len() - 9, ANSWER)],
            malformed,
        ),
        (
            "bytes",
            vec![Step::send(&b"\0\x01\xff\xfe\r\n\r\n"[..]), Step::Close],
            unreachable,
        ),
        (
            "headers without end",
            vec![
                Step::send(format!("{head}{many_headers}")),
                Step::Wait(Duration::from_secs(5)),
            ],
            unreachable,
        ),
        (
            "a page",
            vec![Step::answer(200, "text/html", "<html>welcome</html>")],
            malformed,
        ),
        ("nothing", vec![Step::answer(200, JSON, "")], malformed),
        ("null", vec![Step::answer(200, JSON, "null")], malformed),
        ("a list", vec![Step::answer(200, JSON, "[]")], malformed),
        (
            "an object of something else",
            vec![Step::answer(200, JSON, "{\"detail\":\"hi\"}")],
            malformed,
        ),
        (
            "half an answer",
            vec![Step::answer(200, JSON, &ANSWER[..80])],
            malformed,
        ),
        (
            "an error under a status of success",
            vec![Step::answer(200, JSON, &error("server_error", "oops"))],
            refused,
        ),
        (
            "a page of a proxy",
            vec![Step::answer(502, "text/html", "<html>Bad Gateway</html>")],
            refused,
        ),
    ];
    broken.into_iter().chain(answers_that_refuse()).collect()
}

/// Answers that say why they are none.
fn answers_that_refuse() -> Vec<Fault> {
    let error = |kind: &str, code: &str| {
        json!({ "error": { "message": "no", "type": kind, "param": null, "code": code } }).to_string()
    };
    vec![
        (
            "an overload",
            vec![Step::answer(529, JSON, &error("overloaded_error", ""))],
            (503, "server_error", "provider_refused"),
        ),
        (
            "too many requests",
            vec![Step::answer(429, JSON, &error("requests", "rate_limit_exceeded"))],
            (429, "requests", "rate_limit_exceeded"),
        ),
    ]
}

#[tokio::test]
async fn each_fault_has_its_error_and_the_next_provider_answers_instead() {
    for (name, steps, (status, kind, code)) in faults() {
        let door = Door::open().await;
        let (bad, good) = (provider(move || steps.clone()).await, good().await);
        door.register("bad-alone", &bad, |new| new.model = "alone".to_owned())
            .await;
        door.register("bad", &bad, |new| new.price = price(0, 0)).await;
        door.register("good", &good, |_| ()).await;

        let mut body = question();
        body["model"] = "alone".into();
        let refused = soon(door.ask(&body)).await;
        assert_eq!(refused.error(), (status, kind.to_owned(), code.to_owned()), "{name}");
        let retried = bad.calls().len();
        assert!((1..=2).contains(&retried), "{name}: asked {retried} times");

        let answered = soon(door.ask(&question())).await;
        assert_eq!((answered.status, answered.text().as_str()), (200, ANSWER), "{name}");
        let exchanges = door.exchanges();
        let [.., failed, last] = exchanges.as_slice() else {
            panic!("{name}: {exchanges:?}")
        };
        assert_eq!(exchanges.len(), retried + 2, "{name}: every attempt is recorded");
        assert_eq!(last.intent.attempt_of, Some(failed.intent.id), "{name}");
        assert_eq!(
            answered.header("x-request-id"),
            Some(last.intent.id.to_string().as_str())
        );
        for exchange in &exchanges[..=retried] {
            let Some(ExchangeOutcome::Failed { failure }) = &exchange.outcome else {
                panic!("{name}: {:?}", exchange.outcome)
            };
            let expected = if code == "rate_limit_exceeded" {
                "provider_refused"
            } else {
                code
            };
            assert_eq!(failure.code, expected, "{name}");
        }
        assert!(matches!(&last.outcome, Some(ExchangeOutcome::Answered { usage, .. }) if usage.completion.get() == 3));
    }
}

#[tokio::test]
async fn two_providers_are_down_and_the_third_answers_and_all_down_is_said() {
    let door = Door::open().await;
    let gone = provider(Vec::new).await;
    door.register("refuses", &gone, |new| {
        new.price = price(0, 0);
        new.base_url = Some("http://127.0.0.1:1/v1".to_owned());
    })
    .await;
    let broken = provider(|| vec![Step::answer(500, JSON, "{}")]).await;
    door.register("broken", &broken, |new| new.price = price(1, 1)).await;
    let third = good().await;
    door.register("third", &third, |_| ()).await;
    for _ in 0..3 {
        assert_eq!(door.ask(&question()).await.text(), ANSWER);
    }
    let one = told(&[
        ("refuses", "provider_unreachable"),
        ("broken", "provider_refused"),
        ("third", "answered"),
    ]);
    assert_eq!(door.outcomes(), [one.clone(), one.clone(), one].concat());

    door.gateway
        .remove_provider(door.organization.id, "third")
        .await
        .unwrap();
    let refused = door.ask(&question()).await;
    assert_eq!(
        refused.error(),
        (502, "server_error".to_owned(), "provider_refused".to_owned())
    );
    assert_eq!(door.exchanges().len(), 9 + 2);
}

#[tokio::test]
async fn a_stream_that_has_not_begun_falls_back_and_one_that_has_is_told_what_broke_it() {
    let door = Door::open().await;
    let first = provider(|| vec![Step::Reset]).await;
    door.register("first", &first, |new| new.price = price(0, 0)).await;
    let second = provider(|| {
        let mut steps = stream_of(&[piece("Rayl").as_bytes()]);
        *steps.last_mut().unwrap() = Step::Wait(Duration::from_millis(50));
        steps.push(Step::Reset);
        steps
    })
    .await;
    door.register("second", &second, |_| ()).await;
    let text = door.ask(&streaming()).await.text();
    let rest = text.strip_prefix(&piece("Rayl")).unwrap();
    let error = rest
        .strip_prefix("data: ")
        .and_then(|rest| rest.strip_suffix("\n\ndata: [DONE]\n\n"));
    let error: Value = serde_json::from_str(error.unwrap_or_else(|| panic!("{text}"))).unwrap();
    assert_eq!(error["error"]["code"], "provider_unreachable");
    assert_eq!(error["error"]["type"], "server_error");
    assert_eq!(
        door.outcomes(),
        told(&[("first", "provider_unreachable"), ("second", "partial")])
    );
    let partial = door.exchanges().pop().unwrap();
    let (usage, cost) = partial.outcome.as_ref().unwrap().bill();
    assert!(
        usage.estimated && usage.completion.get() == 1 && cost.get() > 0,
        "{usage:?} {cost}"
    );
    assert_eq!(door.answer_of(&partial), piece("Rayl").as_bytes());
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_event_is_a_call_that_failed() {
    let overloaded =
        r#"data: {"error":{"message":"try later","type":"server_error","code":"overloaded","status":503}}"#;
    let event = format!("{overloaded}\n\n");
    let beginnings: [(&str, Vec<Step>); 3] = [
        ("provider_refused", stream_of(&[event.as_bytes(), b"data: [DONE]\n\n"])),
        ("provider_malformed", stream_of(&[])),
        ("provider_unreachable", vec![Step::stream_head(), Step::Reset]),
    ];
    for (code, steps) in beginnings {
        let door = Door::open().await;
        let first = provider(move || steps.clone()).await;
        door.register("first", &first, |new| new.price = price(0, 0)).await;
        let alone = door.ask(&streaming()).await;
        assert!(alone.status >= 500, "{code}: {}", alone.text());
        assert_eq!(alone.error().2, code);

        let end = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
        let end = format!("{end}\n\ndata: [DONE]\n\n");
        let second = provider(move || stream_of(&[piece("Ray").as_bytes(), end.as_bytes()])).await;
        door.register("second", &second, |_| ()).await;
        let answered = door.ask(&streaming()).await;
        assert_eq!(answered.status, 200, "{code}: {}", answered.text());
        assert!(
            answered.text().ends_with("data: [DONE]\n\n"),
            "{code}: {}",
            answered.text()
        );
        assert!(!answered.text().contains("error"), "{code}: {}", answered.text());
        let mut outcomes = door.outcomes();
        assert_eq!(
            outcomes.split_off(outcomes.len() - 2),
            told(&[("first", code), ("second", "answered")])
        );
    }
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let door = Door::open().await;
    let endless = provider(|| {
        let megabyte = Step::chunk(&vec![b' '; 1 << 20]);
        let mut steps = vec![Step::stream_head()];
        steps.extend(std::iter::repeat_n(megabyte, 70));
        steps
    })
    .await;
    door.register("endless", &endless, |_| ()).await;
    let refused = soon(door.ask(&question())).await;
    assert_eq!(refused.error().2, "provider_unreachable");
}

/// One refusal as a provider sends it.
struct Refusal {
    from: String,
    status: u16,
    body: String,
    sign: String,
}

fn refusals() -> Vec<Refusal> {
    let lines = include_str!("../../../dialect/tests/fixtures/signs.jsonl").lines();
    let read = |line| {
        let fixture: Value = serde_json::from_str(line).unwrap();
        Refusal {
            from: fixture["from"].as_str().unwrap().to_owned(),
            status: u16::try_from(fixture["status"].as_u64().unwrap()).unwrap(),
            body: fixture["body"]
                .as_str()
                .map_or_else(|| fixture["body"].to_string(), str::to_owned),
            sign: fixture["sign"].as_str().unwrap().to_owned(),
        }
    };
    lines.map(read).collect()
}

#[tokio::test]
async fn a_refusal_for_policy_or_standing_never_leads_to_another_provider() {
    let door = Door::open().await;
    let good = good().await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (number, refusal) in refusals().into_iter().enumerate() {
        let (status, text) = (refusal.status, refusal.body.clone());
        let refuses = provider(move || vec![Step::answer(status, JSON, &text)]).await;
        let model = format!("model-{number}");
        let change = |new: &mut cultivar_gateway::NewProvider| new.model.clone_from(&model);
        let name = format!("refuses-{number}");
        door.register(&name, &refuses, |new| {
            change(new);
            new.price = price(0, 0);
        })
        .await;
        door.register(&format!("good-{number}"), &good, change).await;
        let mut body = question();
        body["model"] = model.clone().into();
        let before = good.calls().len();
        let answer = door.ask(&body).await;
        let asked_another = good.calls().len() > before;
        let may = !matches!(
            refusal.sign.as_str(),
            "policy" | "invalid" | "account disabled" | "key refused" | "permission denied" | "region refused"
        );
        let about = format!("{} {}: {}", refusal.from, refusal.status, refusal.body);
        assert_eq!(asked_another, may, "{about}");
        assert_eq!(answer.status == 200, may, "{about}");

        let is_standing = !may && !matches!(refusal.sign.as_str(), "policy" | "invalid");
        let asked = refuses.calls().len();
        assert_eq!(asked, 1, "{about}");
        let again = door.ask(&body).await;
        if is_standing {
            assert_eq!(refuses.calls().len(), asked, "it is left alone from then on: {about}");
            assert_eq!(answer.status, 503, "{about}");
            assert_eq!(answer.header("x-should-retry"), Some("false"), "{about}");
            assert_eq!(again.status, 200, "a permitted provider that is well is asked: {about}");
        } else if refusal.sign == "policy" {
            assert_eq!(answer.status / 100, 4, "{about}");
        }
        *seen.entry(refusal.sign).or_default() += 1;
    }
    assert!(seen.len() >= 10, "{seen:?}");
    door.gateway.tasks().drain().await;
    let incidents = door.gateway.store().read(tables::incident::list).unwrap();
    let standing: usize = ["account disabled", "key refused", "permission denied", "region refused"]
        .iter()
        .filter_map(|sign| seen.get(*sign))
        .sum();
    // A quota that is used up has to be looked at as well.
    let of_quota = incidents
        .iter()
        .filter(|incident| incident.sign == "quota_used_up")
        .count();
    assert_eq!(of_quota, seen["quota"]);
    assert_eq!(incidents.len(), standing + of_quota);
    assert!(incidents.iter().all(|incident| incident.closed_at.is_none()));
}

#[tokio::test]
async fn a_sign_within_a_stream_opens_an_incident_too_and_closing_it_lets_the_provider_be_asked_again() {
    sign_in_a_stream("", "provider_refused").await;
    sign_in_a_stream(&piece("Ray"), "partial").await;
}

/// A stream that says `before` and then that our account is disabled.
async fn sign_in_a_stream(before: &str, outcome: &str) {
    let door = Door::open().await;
    let error = r#"data: {"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}"#;
    let disabled = Arc::new(AtomicBool::new(true));
    let is_disabled = Arc::clone(&disabled);
    let event = format!("{before}{error}\n\n");
    let provider = provider(move || {
        if is_disabled.load(Ordering::Relaxed) {
            stream_of(&[event.as_bytes()])
        } else {
            vec![Step::answer(200, JSON, ANSWER)]
        }
    })
    .await;
    door.register("warned", &provider, |_| ()).await;
    let answer = door.ask(&streaming()).await;
    let text = answer.text();
    assert!(text.contains("has been disabled"), "{text}");
    if before.is_empty() {
        assert_eq!(answer.status, 503, "{text}");
    } else {
        assert!(text.starts_with(before) && text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    assert_eq!(door.outcomes(), told(&[("warned", outcome)]));

    let refused = door.ask(&question()).await;
    assert_eq!(
        refused.error(),
        (503, "server_error".to_owned(), "no_provider_available".to_owned())
    );
    assert_eq!(provider.calls().len(), 1, "the hammering has stopped");

    disabled.store(false, Ordering::Relaxed);
    door.gateway.tasks().drain().await;
    let incidents = door.gateway.store().read(tables::incident::list).unwrap();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].exchange, door.exchanges()[0].intent.id);

    // It outlives the process.
    let door = door.again().await;
    assert_eq!(door.ask(&question()).await.status, 503);
    door.gateway
        .close_incident(incidents[0].id, "Ann Example")
        .await
        .unwrap();
    assert_eq!(door.ask(&question()).await.status, 200);
}

#[tokio::test]
async fn an_account_that_is_disabled_after_its_quota_was_used_up_is_left_alone_too() {
    let door = Door::open().await;
    let refusals = [
        (
            429,
            json!({ "error": { "message": "m", "type": "insufficient_quota", "param": null, "code": "insufficient_quota" } }),
        ),
        (
            401,
            json!({ "error": { "message": "m", "type": "invalid_request_error", "param": null, "code": "account_deactivated" } }),
        ),
    ];
    let provider = RawProvider::start(move |before, _| {
        let (status, body) = &refusals[before.min(1)];
        vec![Step::answer(*status, JSON, &body.to_string())]
    })
    .await
    .unwrap();
    door.register("poor", &provider, |_| ()).await;
    for _ in 0..4 {
        assert_ne!(door.ask(&question()).await.status, 200);
    }
    assert_eq!(provider.calls().len(), 2, "the hammering has stopped");
    door.gateway.tasks().drain().await;
    let incidents = door.gateway.store().read(tables::incident::list).unwrap();
    let signs: Vec<&str> = incidents.iter().map(|incident| incident.sign.as_str()).collect();
    assert_eq!(signs.len(), 2, "{signs:?}");
    assert_eq!(signs[0], "quota_used_up");
}

#[tokio::test]
async fn a_breaker_opens_and_closes_again() {
    let door = Door::open().await;
    let healthy = Arc::new(AtomicBool::new(false));
    let is_healthy = Arc::clone(&healthy);
    let provider = provider(move || {
        if is_healthy.load(Ordering::Relaxed) {
            vec![Step::answer(200, JSON, ANSWER)]
        } else {
            vec![Step::answer(200, "text/html", "<html>")]
        }
    })
    .await;
    door.register("flaky", &provider, |_| ()).await;
    for _ in 0..5 {
        assert_eq!(door.ask(&question()).await.error().2, "provider_malformed");
    }
    let asked = provider.calls().len();
    for _ in 0..5 {
        let refused = door.ask(&question()).await;
        assert_eq!(
            refused.error(),
            (503, "server_error".to_owned(), "no_provider_available".to_owned())
        );
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(provider.calls().len(), asked, "nobody is asked while it is open");
    healthy.store(true, Ordering::Relaxed);
    door.ambient.advance(Duration::from_secs(2));
    for _ in 0..3 {
        assert_eq!(door.ask(&question()).await.status, 200);
    }
}

#[tokio::test]
async fn a_probe_whose_client_leaves_does_not_keep_the_provider_out() {
    let door = Door::open().await;
    let state = Arc::new(std::sync::Mutex::new("down"));
    let now = Arc::clone(&state);
    let provider = provider(move || match *now.lock().unwrap() {
        "down" => vec![Step::answer(500, JSON, "{}")],
        "silent" => vec![Step::Hang],
        _ => vec![Step::answer(200, JSON, ANSWER)],
    })
    .await;
    door.register("flaky", &provider, |_| ()).await;
    while door.ask(&question()).await.error().2 != "no_provider_available" {}
    *state.lock().unwrap() = "silent";
    door.ambient.advance(Duration::from_secs(2));
    let body = question();
    let left = tokio::time::timeout(Duration::from_millis(100), door.ask(&body)).await;
    assert!(left.is_err());
    soon(provider.until_hung_up(1)).await;
    *state.lock().unwrap() = "up";
    assert_eq!(door.ask(&question()).await.status, 200, "the next caller finds out");
}

#[tokio::test]
async fn a_key_that_is_missing_at_a_provider_is_no_reason_not_to_ask_another() {
    let door = Door::open().await;
    let (one, other) = (good().await, good().await);
    door.register("one", &one, |new| {
        new.price = price(0, 0);
        new.base_url = Some("not a url".to_owned());
    })
    .await;
    door.register("other", &other, |_| ()).await;
    assert_eq!(door.ask(&question()).await.status, 200);
    assert_eq!(
        door.outcomes(),
        told(&[("one", "provider_unreachable"), ("other", "answered")])
    );
    assert_eq!(MODEL, door.exchanges()[0].intent.model);
    let _: &RawProvider = &one;
}
