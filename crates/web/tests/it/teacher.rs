//! The embedded teacher: a provider like any other, that knows what was recorded.

use std::{net::SocketAddr, sync::Arc};

use cultivar_gateway::providers::recorded::{Recording, parse_dialogues};
use cultivar_web::teacher_router;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::site::{Reply, listen, send};

const DIALOGUES: &str = concat!(
    r#"{"id":"a","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello there"}]}"#,
    "\n",
    r#"{"id":"b","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"}]}"#,
);

fn ask(teacher: SocketAddr, body: &Value) -> Reply {
    let headers = [("content-type", "application/json")];
    send(
        teacher,
        "POST",
        "/v1/chat/completions",
        &headers,
        body.to_string().as_bytes(),
    )
}

fn asked(text: &str) -> Value {
    json!({ "model": "any", "messages": [{ "role": "system", "content": "be kind" }, { "role": "user", "content": text }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_what_a_person_recorded_and_says_so_where_nobody_did() {
    let recording = Recording::new(&parse_dialogues(DIALOGUES).unwrap());
    let (teacher, _server, _stop) = listen(teacher_router(Arc::new(recording))).await;

    let first = ask(teacher, &asked("hi"));
    assert_eq!(first.json()["choices"][0]["message"]["content"], "hello there");
    assert_eq!(
        ask(teacher, &asked("hi")).body,
        first.body,
        "the same question has the same answer"
    );
    let mut of_b = asked("hi");
    of_b["metadata"] = json!({ "conversation": "b" });
    assert_eq!(ask(teacher, &of_b).json()["choices"][0]["message"]["content"], "yes?");
    let mut streaming = asked("hi");
    streaming["stream"] = json!(true);

    let photographs = [
        ("an answer", first),
        ("a stream", ask(teacher, &streaming)),
        (
            "a question that nobody recorded",
            ask(teacher, &asked("how much is the moon?")),
        ),
        ("no request", ask(teacher, &json!({ "messages": "my secret" }))),
    ];
    let photographs = photographs.map(|(name, reply)| format!("# {name}\n{}", reply.photograph()));
    assert_snapshot!(photographs.join("\n\n"));
}
