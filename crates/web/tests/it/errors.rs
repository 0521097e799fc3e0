//! Errors in the shape that OpenAI's clients understand.

use std::{collections::BTreeSet, fmt::Write as _};

use cultivar_testkit::Script;
use insta::assert_snapshot;
use serde_json::json;

use crate::site::{MODEL, Reply, Site, question, scripted, send};

/// What every error of the API has.
fn check(reply: &Reply) {
    assert!(reply.status >= 400);
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    assert_eq!(reply.header("x-request-id").map(str::len), Some(36), "{reply:?}");
    let body = reply.json();
    let error = body["error"].as_object().unwrap();
    let keys: BTreeSet<&str> = error.keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["code", "message", "param", "type"]));
    assert!(
        error["message"].is_string() && error["type"].is_string() && error["code"].is_string(),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_the_shape_that_clients_know() {
    let site = Site::with_provider(Script::Says(&["yes"])).await;
    let (revoked, text) = site
        .gateway
        .issue_key(&site.organization, "r", cultivar_record::Purpose::Serve)
        .await
        .unwrap();
    site.gateway.revoke_key(revoked.id).await.unwrap();
    let valid = question().to_string();
    let api = "/v1/chat/completions";
    let with_key = format!("Bearer {}", site.key);
    let with_key = [("authorization", with_key.as_str())];
    let cases = [
        ("no key", send(site.address, "POST", api, &[], valid.as_bytes())),
        (
            "an unknown key",
            site.complete_with("sk-cultivar-nonsense", valid.as_bytes()),
        ),
        ("a revoked key", site.complete_with(&text, valid.as_bytes())),
        ("no JSON", site.complete_with(&site.key, b"{\"model\":")),
        ("an empty body", site.complete_with(&site.key, b"")),
        (
            "a missing field",
            site.complete_with(&site.key, br#"{"model":"lecturer"}"#),
        ),
        (
            "a wrong type",
            site.complete(&json!({ "model": MODEL, "messages": "my secret" })),
        ),
        ("no message", site.complete(&json!({ "model": MODEL, "messages": [] }))),
        (
            "too hot",
            site.complete(
                &json!({ "model": MODEL, "messages": [{ "role": "user", "content": "x" }], "temperature": 3 }),
            ),
        ),
        (
            "an unknown model",
            site.complete(&json!({ "model": "nobody", "messages": [{ "role": "user", "content": "x" }] })),
        ),
        ("an unknown model by name", site.get_with_key("/v1/models/nobody")),
        ("an unknown path", site.get_with_key("/v1/embeddings")),
        ("an unknown path without a key", site.get("/admin")),
        ("a wrong method", send(site.address, "GET", api, &with_key, b"")),
        (
            "another wrong method",
            send(site.address, "DELETE", "/v1/models", &with_key, b""),
        ),
    ];
    let mut photographs = String::new();
    for (name, reply) in &cases {
        check(reply);
        assert!(!reply.body.contains("secret"), "{}", reply.body);
        let photograph = reply.photograph().replace(&revoked.prefix, "[prefix]");
        let _ = writeln!(photographs, "# {name}\n{photograph}\n");
    }
    assert_eq!(site.provider.calls(), []);
    assert_snapshot!(photographs);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_says_by_which_policy() {
    let site = Site::with_provider(Script::Says(&["yes"])).await;
    let unaccepted = cultivar_gateway::NewProvider {
        terms: "openai-services-2026-01-01".parse().unwrap(),
        ..scripted(&site.provider)
    };
    site.gateway
        .register_provider(site.organization.id, unaccepted)
        .await
        .unwrap();
    let reply = site.complete(&question());
    check(&reply);
    assert_snapshot!(reply.photograph());
    assert_eq!(site.provider.calls(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_is_told_with_a_status_that_clients_act_on() {
    let mut photographs = String::new();
    for (status, code, message) in [
        (400, "context_length_exceeded", "too many tokens"),
        (401, "invalid_api_key", "the provider's key is wrong"),
        (429, "rate_limit_exceeded", "slow down"),
        (500, "server_error", "try again"),
    ] {
        for stream in [false, true] {
            let site = Site::with_provider(Script::Refuses { status, code, message }).await;
            let mut body = question();
            body["stream"] = json!(stream);
            let reply = site.complete(&body);
            check(&reply);
            let _ = writeln!(photographs, "# {status}, stream: {stream}\n{}\n", reply.photograph());
        }
    }
    assert_snapshot!(photographs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused_as_json() {
    const LIMIT: usize = 32 * 1024 * 1024;

    let site = Site::with_provider(Script::Says(&["yes"])).await;
    let reply = site.complete_with(&site.key, &vec![b' '; LIMIT + 1]);
    check(&reply);
    assert_snapshot!(reply.photograph());

    let mut body = question().to_string().into_bytes();
    // The provider has the same limit, and its own name for the model is longer.
    body.resize(LIMIT - 64, b' ');
    assert_eq!(site.complete_with(&site.key, &body).status, 200);
}
