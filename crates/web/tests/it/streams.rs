//! Server-sent events, as OpenAI frames them.

use cultivar_testkit::Script;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::site::{Reply, Site, question};

fn streamed(site: &Site, options: Option<Value>) -> Reply {
    let mut body = question();
    body["stream"] = json!(true);
    if let Some(options) = options {
        body["stream_options"] = options;
    }
    site.complete(&body)
}

/// The data of each event; every event is one line of data and one empty line.
fn events(reply: &Reply) -> Vec<&str> {
    let body = reply.body.strip_suffix("\n\n").unwrap();
    body.split("\n\n")
        .map(|event| event.strip_prefix("data: ").unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_done() {
    let site = Site::with_provider(Script::Says(&["Because ", "of ", "Rayleigh."])).await;
    let reply = streamed(&site, None);
    assert_eq!(events(&reply).last(), Some(&"[DONE]"));
    assert_snapshot!(reply.photograph());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usage_comes_where_it_was_asked_for_and_only_there() {
    let site = Site::with_provider(Script::Says(&["yes"])).await;
    for (options, expected) in [
        (None, 0),
        (Some(json!({ "include_usage": false })), 0),
        (Some(json!({ "include_usage": true })), 1),
    ] {
        let reply = streamed(&site, options.clone());
        let chunks: Vec<Value> = events(&reply)
            .into_iter()
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let usages: Vec<&Value> = chunks.iter().filter(|chunk| chunk["choices"] == json!([])).collect();
        assert_eq!(usages.len(), expected, "{options:?}");
        for usage in usages {
            assert_eq!(usage["usage"]["total_tokens"], 8);
        }
        assert!(
            site.provider
                .calls()
                .iter()
                .all(|call| call.body["stream_options"]["include_usage"] == true)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_says_so_in_an_event() {
    let site = Site::with_provider(Script::Breaks(&["Because "])).await;
    let mut photographs = String::new();
    for script in [
        Script::Breaks(&["Because "]),
        Script::EndsEarly(&["Because "]),
        Script::FailsMidway(&["Because "]),
    ] {
        site.provider.follow(script);
        let reply = streamed(&site, None);
        assert_eq!(reply.status, 200);
        assert!(
            events(&reply).iter().any(|data| data.starts_with(r#"{"error":"#)),
            "{}",
            reply.body
        );
        photographs.push_str(&reply.photograph());
        photographs.push('\n');
    }
    assert_snapshot!(photographs);
}
