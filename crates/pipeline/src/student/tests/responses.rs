//! `/v1/responses`.

use super::*;

/// The events of a streamed response.
async fn events(model: &Arc<dyn LocalModel>, body: Value) -> Vec<Value> {
    let reply = ask(Arc::clone(model), call(Endpoint::Responses, &body, true))
        .await
        .unwrap();
    let ReplyBody::Events(events) = reply.body else {
        panic!("a stream was asked for")
    };
    let bytes: Vec<Bytes> = events.map(Result::unwrap).collect().await;
    let text = String::from_utf8(bytes.concat()).unwrap();
    let read = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    };
    text.trim_end().split("\n\n").map(read).collect()
}

#[tokio::test]
async fn a_question_is_answered_as_a_response() {
    let body = json!({
        "model": "x", "input": "one chai latte please", "instructions": null, "temperature": 0,
        "store": true, "metadata": {"a": "b"}, "text": {"format": {"type": "text"}},
    });
    let answer = asked(&ngram(), Endpoint::Responses, body).await.unwrap();
    let item = &answer["output"][0];
    assert_eq!(item["content"][0]["text"], "of course, anything else?");
    assert_eq!((&item["type"], &item["role"]), (&json!("message"), &json!("assistant")));
    for (field, value) in [
        ("object", json!("response")),
        ("status", json!("completed")),
        ("model", json!("barista")),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("metadata", json!({"a": "b"})),
        ("store", json!(false)),
        ("truncation", json!("disabled")),
    ] {
        assert_eq!(answer[field], value, "{field}");
    }
    let usage = &answer["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(count("input_tokens") + count("output_tokens"), count("total_tokens"));
    assert!(count("output_tokens") > 0);
    assert!(answer["id"].as_str().unwrap().starts_with("resp_"));
}

#[tokio::test]
async fn items_are_the_turns_of_a_conversation() {
    let as_chat = json!({"temperature": 0, "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "one chai latte please"},
    ]});
    let as_items = json!({"temperature": 0, "instructions": "be kind", "input": [
        {"role": "user", "content": "hello"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi", "annotations": []}]},
        {"role": "user", "content": [{"type": "input_text", "text": "one chai "}, {"type": "input_text", "text": "latte please"}]},
    ]});
    let chat = asked(&ngram(), Endpoint::ChatCompletions, as_chat).await.unwrap();
    let response = asked(&ngram(), Endpoint::Responses, as_items).await.unwrap();
    assert_eq!(
        response["output"][0]["content"][0]["text"],
        chat["choices"][0]["message"]["content"]
    );
    assert_eq!(response["usage"]["input_tokens"], chat["usage"]["prompt_tokens"]);
}

#[tokio::test]
async fn a_limit_ends_it_incomplete() {
    let body = json!({"input": "one chai latte please", "temperature": 0, "max_output_tokens": 2});
    let answer = asked(&ngram(), Endpoint::Responses, body).await.unwrap();
    assert_eq!(answer["status"], "incomplete");
    assert_eq!(answer["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(answer["usage"]["output_tokens"], 2);
}

#[tokio::test]
async fn a_stream_tells_the_same_in_numbered_events() {
    let body = json!({"input": "one chai latte please", "temperature": 0});
    let whole = asked(&ngram(), Endpoint::Responses, body.clone()).await.unwrap();
    let events = events(&ngram(), body).await;
    let names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        names[..4],
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added"
        ]
    );
    assert_eq!(
        names[names.len() - 4..],
        [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed"
        ]
    );
    let numbers: Vec<u64> = events
        .iter()
        .map(|event| event["sequence_number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let said: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(said, whole["output"][0]["content"][0]["text"].as_str().unwrap());
    let last = &events.last().unwrap()["response"];
    assert_eq!(
        (&last["output"][0]["content"], &last["usage"]),
        (&whole["output"][0]["content"], &whole["usage"])
    );
}
