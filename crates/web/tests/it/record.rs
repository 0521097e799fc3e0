//! What is kept of a conversation, on the disk: all of it byte for byte, all of it without personal data, or nothing.

use std::{fs, path::Path};

use cultivar_gateway::OrganizationChange;
use cultivar_record::Retention;
use cultivar_testkit::{RawProvider, Step};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::door::{Door, MODEL, piece, provider, question, stream_of};

const ADDRESS: &str = "ann.mustermann@example-mail.com";
const SECRET: &str = "zymurgy";

/// Files below a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path)
            .unwrap()
            .windows(text.len())
            .any(|window| window == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn answer() -> String {
    let choice = json!({ "index": 0, "finish_reason": "stop", "message": {
        "role": "assistant", "content": format!("{SECRET}: write to {ADDRESS}"),
    } });
    let usage = json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 });
    json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "large", "choices": [choice], "usage": usage })
        .to_string()
}

/// Answers whole or in pieces that cut the address, as asked.
async fn talkative() -> RawProvider {
    let end = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"large","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    RawProvider::start(move |_, call| {
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        if body["stream"] == true {
            let (one, other) = ADDRESS.split_at(9);
            let pieces = [
                piece(&format!("{SECRET}: write to {one}")),
                piece(other),
                format!("{end}\n\ndata: [DONE]\n\n"),
            ];
            stream_of(&pieces.each_ref().map(String::as_bytes))
        } else {
            vec![Step::answer(200, "application/json", &answer())]
        }
    })
    .await
    .unwrap()
}

async fn kept(retention: Retention) -> Door {
    let door = Door::open().await;
    let provider = talkative().await;
    door.register("talkative", &provider, |_| ()).await;
    let change = OrganizationChange {
        retention: Some(retention),
        ..OrganizationChange::default()
    };
    door.gateway.change_organization("lab", change).await.unwrap();
    let mut body = question();
    body["messages"][0]["content"] = format!("{SECRET}? my address is {ADDRESS}").into();
    assert!(
        door.ask(&body).await.text().contains(ADDRESS),
        "the client sees everything"
    );
    body["stream"] = true.into();
    let text = door.ask(&body).await.text();
    assert!(text.contains(&ADDRESS[9..]), "{text}");
    assert_eq!(door.exchanges().len(), 2);
    door
}

#[tokio::test]
async fn masked_keeps_the_words_and_no_personal_data_in_any_file() {
    let door = kept(Retention::Masked).await;
    let root = door.dir().root().to_path_buf();
    let (one, other) = ADDRESS.split_at(9);
    for personal in [ADDRESS, one, other] {
        assert_eq!(files_with(&root, personal), Vec::<String>::new(), "{personal}");
    }
    assert!(!files_with(&root, SECRET).is_empty(), "the words are kept");
    for exchange in door.exchanges() {
        let answer = door.answer_of(&exchange);
        assert!(String::from_utf8(answer).unwrap().contains(SECRET));
        door.gateway.blobs().bytes(&exchange.intent.request).unwrap();
        let answer = exchange.outcome.as_ref().unwrap().answer().unwrap();
        assert!(
            door.gateway
                .completion(&answer)
                .unwrap()
                .first_text()
                .contains("write to")
        );
    }
}

#[tokio::test]
async fn hashes_only_keeps_no_word_in_any_file() {
    let door = kept(Retention::HashesOnly).await;
    let root = door.dir().root().to_path_buf();
    for text in [SECRET, ADDRESS, "write to", "my address"] {
        assert_eq!(files_with(&root, text), Vec::<String>::new(), "{text}");
    }
    assert!(
        door.exchanges()
            .iter()
            .all(|exchange| exchange.outcome.as_ref().unwrap().answer().is_some())
    );
}

#[tokio::test]
async fn a_system_prompt_that_is_repeated_is_kept_once() {
    let door = Door::open().await;
    let provider = talkative().await;
    door.register("talkative", &provider, |_| ()).await;
    let system = (0..4_000).map(|n| format!("rule {n}; ")).collect::<Vec<_>>().concat();
    for n in 0..30 {
        let body = json!({ "model": MODEL, "messages": [
            { "role": "system", "content": system },
            { "role": "user", "content": format!("question {n}") },
        ] });
        assert_eq!(door.ask(&body).await.status, 200);
    }
    let exchanges = door.exchanges();
    let packs = door.dir().blobs().join("packs");
    let size = size_of(&packs);
    let once = u64::try_from(system.len()).unwrap();
    assert!(
        size > once && size < once + 30 * 1_000,
        "{size} bytes for a prompt of {once}"
    );
    for (n, exchange) in exchanges.iter().enumerate() {
        let body = String::from_utf8(door.gateway.blobs().bytes(&exchange.intent.request).unwrap()).unwrap();
        assert!(body.contains(&format!("question {n}")) && body.contains("rule 3999; "));
        assert_eq!(door.answer_of(exchange), answer().as_bytes());
    }
}

/// JSON as people and programs write it: any order, any spaces, long texts and short ones.
fn body() -> impl Strategy<Value = String> {
    let text = prop_oneof![".{0,30}", "[a-z \"\\\\]{900,1400}"];
    let value = prop::collection::vec((text, 0_usize..3), 1..6);
    (value, "[ \n\t]{0,3}").prop_map(|(messages, space)| {
        let message = |(text, kind): &(String, usize)| {
            let text = serde_json::to_string(text).unwrap();
            match kind {
                0 => format!("{{{space}\"role\" : \"user\",\"content\":{text}{space}}}"),
                1 => format!("{{\"content\":[{{\"type\":\"text\",\"text\":{text}}}],{space}\"role\":\"user\"}}"),
                _ => format!("{{\"role\":\"tool\",\"x\":{{\"y\":[[{text}]]}},{space}\"content\":{text}}}"),
            }
        };
        let messages: Vec<String> = messages.iter().map(message).collect();
        format!(
            "{{\"model\":\"{MODEL}\",{space}\"messages\":[{}],{space}\"n\":1}}",
            messages.join(&format!(",{space}"))
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn bodies_are_read_back_byte_for_byte(bodies in prop::collection::vec(body(), 1..5)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let door = Door::open().await;
            let provider = provider(|| vec![Step::answer(200, "application/json", &answer())]).await;
            door.register("talkative", &provider, |_| ()).await;
            let bearer = format!("Bearer {}", door.key);
            for body in &bodies {
                let headers = [("authorization", bearer.as_str())];
                let sent = crate::client::request(door.address, "/v1/chat/completions", &headers, body.as_bytes()).await;
                let reply = crate::client::response(sent.unwrap()).await.unwrap().whole().await.unwrap();
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
            for (body, exchange) in bodies.iter().zip(door.exchanges()) {
                let kept = door.gateway.blobs().bytes(&exchange.intent.request).unwrap();
                assert_eq!(String::from_utf8(kept).unwrap(), *body);
                assert_eq!(exchange.intent.request, cultivar_record::Digest::of_bytes(body.as_bytes()));
            }
        });
    }
}
