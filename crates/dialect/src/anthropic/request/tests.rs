//! What is asked of the provider, photographed, and what is refused by name.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DEFAULT_MAX_TOKENS, PASSED_OVER, REFUSED, to_messages};
use crate::translate::TranslateError;

const PLAIN: &str = include_str!("../../../tests/fixtures/anthropic/request_plain.json");
const TOOLS: &str = include_str!("../../../tests/fixtures/anthropic/request_tools.json");

fn translate(body: &str) -> String {
    String::from_utf8(to_messages(body.as_bytes(), "claude-opus-5-5").unwrap()).unwrap()
}

/// A small request with more parameters.
fn with(parameters: &Value) -> Value {
    let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    let fields = parameters.as_object().unwrap();
    request.as_object_mut().unwrap().extend(fields.clone());
    request
}

fn translated(parameters: &Value) -> Value {
    serde_json::from_str(&translate(&with(parameters).to_string())).unwrap()
}

/// The message of the refusal and the place that it names.
fn refusal(request: &Value) -> (String, String) {
    match to_messages(request.to_string().as_bytes(), "m").unwrap_err() {
        TranslateError::Request { message, param } => (message, param.unwrap_or_default()),
        other @ TranslateError::Answer { .. } => panic!("{other}"),
    }
}

#[test]
fn a_conversation_with_images_and_sampling() {
    insta::assert_snapshot!(translate(PLAIN).replace("},{", "},\n{"));
}

#[test]
fn a_conversation_with_tools_and_a_schema() {
    insta::assert_snapshot!(translate(TOOLS).replace("},{", "},\n{"));
}

#[test]
fn what_is_not_said_has_a_default_or_is_left_out() {
    let expected = json!({
        "model": "claude-opus-5-5",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    });
    assert_eq!(translated(&json!({})), expected);
    let asks_for_nothing = json!({
        "temperature": 1, "top_p": 1.0, "stop": [], "tools": [], "tool_choice": "auto", "parallel_tool_calls": true,
        "response_format": {"type": "text"}, "verbosity": "medium", "n": 1, "user": null, "stream": null, "top_k": null,
    });
    assert_eq!(translated(&asks_for_nothing), expected);
}

#[test]
fn parameters_without_counterpart_are_refused_by_name_unless_they_ask_for_nothing() {
    for (name, nothing, _) in REFUSED {
        let (message, param) = refusal(&with(&json!({name: {"anything": true}})));
        assert_eq!(param, name);
        assert!(message.contains(&format!("`{name}`")), "{message}");
        for value in nothing {
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(translated(&json!({name: value})).get(name), None, "{name}");
        }
    }
    for (name, value) in [
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("logit_bias", json!({"50256": -100})),
        ("presence_penalty", json!(0.5)),
        ("modalities", json!(["text", "audio"])),
        ("verbosity", json!("low")),
        ("service_tier", json!("priority")),
        ("reasoning_effort", json!("some")),
        ("temperature", json!(2.5)),
        ("top_p", json!(-0.1)),
        ("tool_choice", json!("required")),
    ] {
        assert_eq!(refusal(&with(&json!({name: value}))).1, name);
    }
}

#[test]
fn parameters_that_change_no_answer_are_passed_over_and_those_of_the_provider_are_not() {
    for (name, _) in PASSED_OVER {
        assert_eq!(
            translated(&json!({name: {"anything": "x"}})),
            translated(&json!({})),
            "{name}"
        );
    }
    let own =
        json!({"top_k": 5, "container": "c", "cache_control": {"type": "ephemeral"}, "some_future_parameter": [1, 2]});
    let sent = translated(&own);
    for (name, value) in own.as_object().unwrap() {
        assert_eq!(sent.get(name), Some(value), "{name}");
    }
    let (_, param) = refusal(&with(
        &json!({"reasoning_effort": "low", "output_config": {"effort": "high"}}),
    ));
    assert_eq!(param, "output_config");
}

#[test]
fn temperatures_are_capped_and_efforts_translated() {
    for (given, sent) in [(0.0, Some(0.0)), (0.7, Some(0.7)), (1.0, None), (1.9, None)] {
        let temperature = translated(&json!({"temperature": given})).get("temperature").cloned();
        assert_eq!(temperature, sent.map(|value| json!(value)), "{given}");
    }
    let effort = |given: &str| translated(&json!({"reasoning_effort": given}));
    assert_eq!(effort("minimal")["output_config"], json!({"effort": "low"}));
    assert_eq!(effort("xhigh")["output_config"], json!({"effort": "xhigh"}));
    assert_eq!(effort("none")["thinking"], json!({"type": "disabled"}));
    assert_eq!(effort("none").get("output_config"), None);
}

#[test]
fn who_asks_and_how_many_tokens_are_told_under_the_providers_names() {
    let user = |given: Value| translated(&given)["metadata"].clone();
    assert_eq!(user(json!({"user": "a"})), json!({"user_id": "a"}));
    assert_eq!(
        user(json!({"user": "a", "safety_identifier": "b"})),
        json!({"user_id": "b"})
    );
    assert_eq!(
        user(json!({"metadata": {"user_id": "c", "label": "x"}})),
        json!({"user_id": "c"})
    );
    assert_eq!(translated(&json!({"max_tokens": 5}))["max_tokens"], 5);
    assert_eq!(
        refusal(&with(&json!({"max_tokens": 5, "max_completion_tokens": 6}))).1,
        "max_tokens"
    );
}

#[test]
fn the_choice_of_a_tool() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let choice = |choice: Value, parallel: Value| {
        translated(&json!({"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel}))["tool_choice"]
            .clone()
    };
    assert_eq!(choice(json!("auto"), Value::Null), json!({"type": "auto"}));
    assert_eq!(choice(json!("required"), json!(true)), json!({"type": "any"}));
    assert_eq!(choice(json!("none"), json!(false)), json!({"type": "none"}));
    let one_at_a_time = json!({"type": "auto", "disable_parallel_tool_use": true});
    assert_eq!(choice(Value::Null, json!(false)), one_at_a_time);
    assert_eq!(choice(Value::Null, Value::Null), Value::Null);
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}});
    assert_eq!(
        refusal(&with(&json!({"tools": tools, "tool_choice": allowed}))).1,
        "tool_choice"
    );
    let custom = json!([{"type": "custom", "custom": {"name": "f"}}]);
    assert_eq!(refusal(&with(&json!({"tools": custom}))).1, "tools[0].type");
}

#[test]
fn a_message_that_cannot_be_said_is_refused_with_its_place_and_without_its_words() {
    let user = |content: Value| json!({"role": "user", "content": content});
    let call = |arguments: &str| json!({"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]});
    let image = |url: &str| user(json!([{"type": "image_url", "image_url": {"url": url}}]));
    for (message, place) in [
        (
            user(json!([{"type": "input_audio", "input_audio": {"data": "secret"}}])),
            "messages[1].content[0].type",
        ),
        (user(json!([{"type": "text"}])), "messages[1].content[0].text"),
        (user(json!({"secret": 1})), "messages[1].content"),
        (
            image("http://example.com/secret.png"),
            "messages[1].content[0].image_url.url",
        ),
        (
            image("data:image/svg+xml;base64,secret"),
            "messages[1].content[0].image_url.url",
        ),
        (image("data:image/png,secret"), "messages[1].content[0].image_url.url"),
        (
            user(json!([{"type": "file", "file": {"file_id": "secret"}}])),
            "messages[1].content[0].file",
        ),
        (call("secret"), "messages[1].tool_calls[0].function.arguments"),
        (call("[\"secret\"]"), "messages[1].tool_calls[0].function.arguments"),
        (json!({"role": "secret", "content": "x"}), "messages[1].role"),
        (
            json!({"role": "user", "name": "secret", "content": "x"}),
            "messages[1].name",
        ),
        (
            json!({"role": "assistant", "audio": {"id": "secret"}}),
            "messages[1].audio",
        ),
        (
            json!({"role": "assistant", "function_call": {"name": "secret", "arguments": ""}}),
            "messages[1].function_call",
        ),
        (json!({"role": "tool", "content": "secret"}), "messages[1].tool_call_id"),
        (json!({"content": "secret"}), "messages"),
    ] {
        let (told, param) = refusal(&json!({"messages": [user(json!("Hi")), message]}));
        assert_eq!(param, place, "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
    assert_eq!(
        refusal(&json!({"messages": [{"role": "system", "content": "x"}, user(json!(""))]})).1,
        "messages"
    );
    assert_eq!(refusal(&json!({"model": "m"})).1, "messages");
    let error = to_messages(b"{\"messages\":", "m").unwrap_err();
    assert!(matches!(error, TranslateError::Request { param: None, .. }), "{error}");
}

#[test]
fn media_types_are_read_as_people_write_them() {
    for url in ["data:image/jpg;base64,AA", "DATA:image/JPEG;charset=x;BASE64,AA"] {
        let content = json!([{"type": "image_url", "image_url": {"url": url}}]);
        let sent: Value = serde_json::from_str(&translate(
            &json!({"messages": [{"role": "user", "content": content}]}).to_string(),
        ))
        .unwrap();
        let source = json!({"type": "base64", "media_type": "image/jpeg", "data": "AA"});
        assert_eq!(sent["messages"][0]["content"][0]["source"], source);
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_translated_whole_or_refused(which in 0_usize..2, from in any::<prop::sample::Index>(), put in ".{0,3}") {
        let whole = [PLAIN, TOOLS][which];
        let places: Vec<usize> = whole.char_indices().map(|(place, _)| place).collect();
        let place = places[from.index(places.len())];
        let length = whole[place..].chars().next().map_or(0, char::len_utf8);
        let broken = format!("{}{put}{}", &whole[..place], &whole[place + length..]);
        if let Ok(sent) = to_messages(broken.as_bytes(), "m") {
            let sent: Value = serde_json::from_slice(&sent).unwrap();
            prop_assert_eq!(&sent["model"], "m");
            prop_assert!(sent["max_tokens"].is_u64() && sent["messages"].is_array());
        }
    }
}
