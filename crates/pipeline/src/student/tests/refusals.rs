//! What cannot be answered is refused before anything is written, with the field and the reason.

use std::fmt::Write as _;

use super::*;

fn responses() -> Vec<Value> {
    vec![
        json!({}),
        json!({"input": []}),
        json!({"input": 7}),
        json!({"input": [{"role": "secret", "content": "a"}]}),
        json!({"input": [{"role": "user"}]}),
        json!({"input": [{"type": "function_call_output", "call_id": "secret", "output": "secret"}]}),
        json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:"}]}]}),
        json!({"input": "a", "max_output_tokens": 0}),
        json!({"input": "a", "max_output_tokens": "secret"}),
        json!({"input": "a", "previous_response_id": "secret"}),
        json!({"input": "a", "conversation": {"id": "secret"}}),
        json!({"input": "a", "prompt": {"id": "secret"}}),
        json!({"input": "a", "background": true}),
        json!({"input": "a", "top_logprobs": 2}),
        json!({"input": "a", "include": ["message.output_text.logprobs"]}),
        json!({"input": "a", "text": {"format": {"type": "json_schema", "schema": {}}}}),
        json!({"input": "a", "tool_choice": "required"}),
        json!({"input": "a", "truncation": "secret"}),
        json!({"input": "one chai latte please ".repeat(40)}),
    ]
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_its_reason() {
    let one = json!([{"role": "user", "content": "hi"}]);
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]);
    let long = json!([{"role": "user", "content": "one chai latte please ".repeat(40)}]);
    let chat = [
        json!({"messages": []}),
        json!({"messages": image}),
        json!({"messages": one, "response_format": {"type": "json_object"}}),
        json!({"messages": one, "response_format": {"type": "json_schema", "json_schema": {}}}),
        json!({"messages": one, "response_format": "secret"}),
        json!({"messages": one, "tool_choice": "required"}),
        json!({"messages": one, "tool_choice": {"type": "function", "function": {"name": "secret"}}}),
        json!({"messages": one, "top_logprobs": 3}),
        json!({"messages": one, "logprobs": true, "top_logprobs": 21}),
        json!({"messages": one, "n": 0}),
        json!({"messages": one, "temperature": 2.5}),
        json!({"messages": one, "max_tokens": 0}),
        json!({"messages": one, "stop": ["a", ""]}),
        json!({"messages": one, "max_tokens": 95}),
        json!({"messages": long}),
        json!({"messages": long, "max_tokens": 10}),
    ];
    let completions = [
        json!({"prompt": {"secret": 1}}),
        json!({"prompt": ["a", 1]}),
        json!({"prompt": []}),
        json!({"prompt": [-1]}),
        json!({"prompt": [99_999]}),
        json!({"prompt": "a", "logprobs": 21}),
        json!({"prompt": "a", "best_of": 2}),
        json!({"prompt": "a", "suffix": "secret"}),
        json!({"prompt": "a", "logit_bias": {"secret": 1}}),
        json!({"prompt": "a", "logit_bias": {"5": 101}}),
        json!({"prompt": "a", "max_tokens": -1}),
        json!({"prompt": vec![9; 90], "max_tokens": 7}),
        json!({"prompt": vec![9; 96]}),
    ];
    let responses = responses();
    let embeddings = [
        json!({}),
        json!({"input": ""}),
        json!({"input": "a", "dimensions": 31}),
        json!({"input": "a", "encoding_format": "secret"}),
        json!({"input": vec![9; 97]}),
    ];
    let mut page = String::new();
    let all = [
        (Endpoint::ChatCompletions, chat.as_slice()),
        (Endpoint::Completions, completions.as_slice()),
        (Endpoint::Embeddings, embeddings.as_slice()),
        (Endpoint::Responses, responses.as_slice()),
        (Endpoint::Moderations, &[json!({})]),
    ];
    for (endpoint, bodies) in all {
        for body in bodies {
            let error = asked(&student(), endpoint, body.clone()).await.unwrap_err();
            // A stream is refused in the same way: before its first event.
            let streamed = ask(student(), call(endpoint, body, true)).await.err().unwrap();
            assert_eq!(error.to_string(), streamed.to_string());
            assert!(!error.to_string().contains("secret"), "{error}");
            let param = match &error {
                GatewayError::InvalidRequest { param, .. } => param.clone(),
                GatewayError::ContextLength { param, .. } | GatewayError::UnsupportedValue { param, .. } => {
                    Some((*param).to_owned())
                }
                _ => None,
            };
            writeln!(page, "{} {}: {error}", error.code_text(), param.unwrap_or_default()).unwrap();
        }
    }
    let error = asked(&ngram(), Endpoint::Embeddings, json!({"input": "a"}))
        .await
        .unwrap_err();
    writeln!(page, "{}: {error}", error.code_text()).unwrap();
    insta::assert_snapshot!(page);
}
