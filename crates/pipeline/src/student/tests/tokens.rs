//! `/tokenize`, `/detokenize`, `/tokenizer_info` and `/v1/embeddings`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cultivar_gateway::providers::local::{detokenize, tokenize, tokenizer_info};
use proptest::prelude::*;

use super::*;

fn body(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

async fn tokenized(body_of: Value) -> Value {
    let answer = tokenize(student(), "barista".to_owned(), body(&body_of)).await.unwrap();
    serde_json::from_slice(&answer).unwrap()
}

async fn text_of(tokens: &Value) -> String {
    let answer = detokenize(student(), "barista".to_owned(), body(&json!({"tokens": tokens})))
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["prompt"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_prompt_and_a_conversation_become_tokens() {
    let answer =
        tokenized(json!({"model": "x", "prompt": "thé 🍵", "add_special_tokens": false, "return_token_strs": true}))
            .await;
    assert_eq!(answer["max_model_len"], CONTEXT);
    assert_eq!(answer["count"], answer["tokens"].as_array().unwrap().len());
    assert_eq!(answer["count"], answer["token_strs"].as_array().unwrap().len());
    assert_eq!(text_of(&answer["tokens"]).await, "thé 🍵");
    let messages = json!([{"role": "user", "content": "write <|end|>"}]);
    let open = tokenized(json!({"messages": messages})).await;
    let closed = tokenized(json!({"messages": messages, "add_generation_prompt": false})).await;
    assert_eq!(open["token_strs"], Value::Null);
    assert_eq!(
        text_of(&open["tokens"]).await,
        "<|user|>write <|end|><|end|><|assistant|>"
    );
    assert_eq!(text_of(&closed["tokens"]).await, "<|user|>write <|end|><|end|>");
    let ends = |answer: &Value| {
        answer["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|id| **id == 4)
            .count()
    };
    assert_eq!(ends(&open), 1, "what a person writes is never a special token");
    let template = "<|user|>hi<|end|><|assistant|>";
    assert_eq!(ends(&tokenized(json!({"prompt": template})).await), 1);
    assert_eq!(
        ends(&tokenized(json!({"prompt": template, "parse_special": false})).await),
        0
    );
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    for wrong in [json!({}), json!({"prompt": "a", "messages": []}), json!({"prompt": 1})] {
        let error = tokenize(student(), "barista".to_owned(), body(&wrong))
            .await
            .unwrap_err();
        assert!(matches!(error, GatewayError::InvalidRequest { .. }));
    }
    for wrong in [json!({}), json!({"tokens": [320]}), json!({"tokens": "a"})] {
        let error = detokenize(student(), "barista".to_owned(), body(&wrong))
            .await
            .unwrap_err();
        assert!(matches!(error, GatewayError::InvalidRequest { .. }));
    }
}

#[tokio::test]
async fn the_tokenizer_is_described_as_hugging_face_does() {
    let info: Value = serde_json::from_slice(&tokenizer_info(student().as_ref(), "barista").unwrap()).unwrap();
    insta::assert_json_snapshot!(info);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_comes_back(text in any::<String>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for parse_special in [true, false] {
                let tokens = tokenized(json!({"prompt": text, "parse_special": parse_special})).await;
                assert_eq!(text_of(&tokens["tokens"]).await, text);
            }
        });
    }
}

#[tokio::test]
async fn embeddings_are_directions_of_length_one_in_both_encodings() {
    let model = student();
    let ids = model.tokenize("of course", SpecialNames::AreText).unwrap();
    let body = |encoding: &str| json!({"input": ["one chai latte please", "of course"], "encoding_format": encoding, "dimensions": WIDTH});
    let answer = asked(&model, Endpoint::Embeddings, body("float")).await.unwrap();
    let numbers = |data: &Value| -> Vec<f32> { serde_json::from_value(data["embedding"].clone()).unwrap() };
    let (first, second) = (numbers(&answer["data"][0]), numbers(&answer["data"][1]));
    for embedding in [&first, &second] {
        assert_eq!(embedding.len(), WIDTH);
        let length: f32 = embedding.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    assert_ne!(first, second);
    assert_eq!(
        (&answer["object"], &answer["data"][1]["index"]),
        (&json!("list"), &json!(1))
    );
    let packed = asked(&model, Endpoint::Embeddings, body("base64")).await.unwrap();
    let bytes = STANDARD
        .decode(packed["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let unpacked: Vec<f32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|four| f32::from_le_bytes(*four))
        .collect();
    assert_eq!(unpacked, first);
    let by_ids = asked(&model, Endpoint::Embeddings, json!({"input": ids}))
        .await
        .unwrap();
    assert_eq!(numbers(&by_ids["data"][0]), second);
    assert_eq!(
        by_ids["usage"],
        json!({"prompt_tokens": ids.len(), "total_tokens": ids.len()})
    );
}
