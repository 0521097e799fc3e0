//! Answers as the client sees them, photographed.

use super::to_completion;
use crate::translate::TranslateError;

const TEXT: &str = include_str!("../../../tests/fixtures/anthropic/answer_text.json");
const TOOLS: &str = include_str!("../../../tests/fixtures/anthropic/answer_tools.json");
const REFUSAL: &str = include_str!("../../../tests/fixtures/anthropic/answer_refusal.json");

fn translate(body: &str) -> String {
    String::from_utf8(to_completion(body.as_bytes(), "claude", 1_700_000_000).unwrap()).unwrap()
}

#[test]
fn text_and_a_prompt_that_went_through_a_cache() {
    insta::assert_snapshot!(translate(TEXT), @r#"{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","object":"chat.completion","created":1700000000,"model":"claude","choices":[{"index":0,"message":{"role":"assistant","content":"Bonjour, \"é\"","refusal":null},"logprobs":null,"finish_reason":"stop","native_finish_reason":"end_turn"}],"usage":{"prompt_tokens":1112,"completion_tokens":6,"total_tokens":1118,"prompt_tokens_details":{"cached_tokens":1000,"cache_write_tokens":100}}}"#);
}

#[test]
fn thinking_and_calls_of_tools() {
    insta::assert_snapshot!(translate(TOOLS).replace("},{", "},\n{"));
}

#[test]
fn a_refusal_is_a_stop_by_the_content_filter_with_its_explanation() {
    insta::assert_snapshot!(translate(REFUSAL), @r#"{"id":"msg_014p7gG3wDgGV9EUtLvnow3U","object":"chat.completion","created":1700000000,"model":"claude","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"The request could enable biological harm."},"logprobs":null,"finish_reason":"content_filter","native_finish_reason":"refusal"}],"usage":{"prompt_tokens":564,"completion_tokens":1,"total_tokens":565,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0}}}"#);
}

#[test]
fn every_reason_to_stop_has_a_word_of_openais_and_keeps_its_own() {
    for (reason, word) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "stop"),
        ("some_future_reason", "stop"),
    ] {
        let answer: serde_json::Value = serde_json::from_str(&translate(&TEXT.replace("end_turn", reason))).unwrap();
        assert_eq!(answer["choices"][0]["finish_reason"], word);
        assert_eq!(answer["choices"][0]["native_finish_reason"], reason);
    }
}

#[test]
fn what_is_no_answer_is_told_without_its_words() {
    for body in [
        "<html>secret</html>",
        r#"{"type":"error","error":{"type":"api_error","message":"secret"}}"#,
        &TEXT.replace(r#""type":"message""#, r#""type":"secret""#),
        &TEXT.replace(r#""text":"Bonjour, ""#, r#""secret":1"#),
    ] {
        let error = to_completion(body.as_bytes(), "claude", 0).unwrap_err();
        assert!(matches!(error, TranslateError::Answer { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
