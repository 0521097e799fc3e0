//! `/v1/chat/completions`.

use super::*;

async fn said(model: &Arc<dyn LocalModel>, body: Value) -> Value {
    asked(model, Endpoint::ChatCompletions, body).await.unwrap()
}

fn question() -> Value {
    json!([{"role": "system", "content": "be kind"}, {"role": "user", "content": [{"type": "text", "text": "one chai latte please"}]}])
}

#[tokio::test]
async fn a_question_is_answered_in_openais_shape() {
    let model = ngram();
    let tools = json!([{"type": "function", "function": {"name": "order", "parameters": {}}}]);
    let body = json!({
        "model": "x", "messages": [{"role": "user", "content": "one chai latte please"}], "temperature": 0,
        "tools": tools, "tool_choice": "auto", "response_format": {"type": "text"},
    });
    let answer = said(&model, body).await;
    let choice = json!({
        "index": 0, "logprobs": null, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "of course, anything else?", "refusal": null},
    });
    assert_eq!(answer["choices"], json!([choice]));
    assert_eq!(
        (&answer["object"], &answer["model"]),
        (&json!("chat.completion"), &json!("barista"))
    );
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let read = model
        .render(&[user("one chai latte please")], TemplateEnd::Open)
        .unwrap()
        .len();
    let written = model
        .tokenize("of course, anything else?", SpecialNames::AreText)
        .unwrap()
        .len()
        + 1;
    let usage = json!({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written});
    assert_eq!(answer["usage"], usage);
}

#[tokio::test]
async fn log_probabilities_are_those_of_the_content_and_their_bytes_add_up_to_it() {
    for (model, temperature) in [(ngram(), 0.0), (student(), 1.5)] {
        let body = json!({
            "messages": question(), "temperature": temperature, "logprobs": true, "top_logprobs": 3, "n": 2,
            "max_completion_tokens": 30,
        });
        let answer = said(&model, body).await;
        for choice in answer["choices"].as_array().unwrap() {
            let content = choice["logprobs"]["content"].as_array().unwrap();
            let bytes: Vec<u8> = content
                .iter()
                .flat_map(|token| token["bytes"].as_array().unwrap())
                .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
                .collect();
            assert_eq!(
                String::from_utf8_lossy(&bytes),
                choice["message"]["content"].as_str().unwrap()
            );
            for token in content {
                assert_eq!(token["top_logprobs"].as_array().unwrap().len(), 3);
                assert!(token["logprob"].as_f64().unwrap() <= 0.0);
                let likeliest = token["top_logprobs"][0]["logprob"].as_f64().unwrap();
                assert!(token["logprob"].as_f64().unwrap() <= likeliest);
            }
        }
        let plain = said(
            &model,
            json!({"messages": question(), "logprobs": true, "max_tokens": 2}),
        )
        .await;
        assert_eq!(plain["choices"][0]["logprobs"]["content"][0]["top_logprobs"], json!([]));
    }
}

#[tokio::test]
async fn a_stream_adds_up_to_the_whole_answer() {
    let model = student();
    for seed in 0..12 {
        for stop in [json!(null), json!(["e", "ou"])] {
            let body = json!({
                "messages": question(), "seed": seed, "temperature": 1.5, "n": 2, "max_tokens": 24, "logprobs": true,
                "top_logprobs": 1, "stop": stop,
            });
            let whole = said(&model, body.clone()).await;
            let events = streamed(&model, Endpoint::ChatCompletions, body).await;
            let (usage, events) = events.split_last().unwrap();
            assert_eq!((&usage["usage"], &usage["choices"]), (&whole["usage"], &json!([])));
            for choice in whole["choices"].as_array().unwrap() {
                let index = choice["index"].as_u64().unwrap();
                let chunks: Vec<&Value> = events
                    .iter()
                    .map(|e| &e["choices"][0])
                    .filter(|c| c["index"] == index)
                    .collect();
                let (first, last) = (chunks[0], chunks[chunks.len() - 1]);
                assert_eq!(first["delta"], json!({"role": "assistant", "content": ""}));
                assert_eq!(
                    (&last["delta"], &last["finish_reason"]),
                    (&json!({}), &choice["finish_reason"])
                );
                assert!(
                    chunks[..chunks.len() - 1]
                        .iter()
                        .all(|chunk| chunk["finish_reason"].is_null())
                );
                let text = joined_text(events, index, "/choices/0/delta/content");
                assert_eq!(choice["message"]["content"].as_str().unwrap(), text);
                let tokens = chunks
                    .iter()
                    .filter_map(|c| c["logprobs"]["content"].as_array())
                    .flatten()
                    .cloned();
                assert_eq!(choice["logprobs"]["content"], Value::Array(tokens.collect()));
            }
            assert!(
                events
                    .iter()
                    .all(|event| event["id"] == whole["id"] && event["object"] == "chat.completion.chunk")
            );
        }
    }
}

#[tokio::test]
async fn the_oldest_turns_are_left_out_where_the_caller_agrees() {
    let model = student();
    let turns: Vec<Value> = (0..20)
        .map(|_| json!({"role": "user", "content": "one chai latte please"}))
        .collect();
    let body =
        |truncation: &str| json!({"messages": turns, "truncation": truncation, "max_tokens": 500, "temperature": 2});
    let answer = said(&model, body("auto")).await;
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() <= CONTEXT as u64 / 2);
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() <= CONTEXT as u64);
    let refused = asked(&model, Endpoint::ChatCompletions, body("disabled")).await;
    assert!(matches!(refused, Err(GatewayError::ContextLength { .. })));
}
