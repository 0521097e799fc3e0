//! Streams as the client sees them, photographed; and that it does not matter where the network cuts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::EventTranslator;

const TEXT: &str = include_str!("../../../tests/fixtures/anthropic/text.sse");
const TOOLS: &str = include_str!("../../../tests/fixtures/anthropic/tools.sse");
const OVERLOADED: &str = include_str!("../../../tests/fixtures/anthropic/overloaded.sse");
const REFUSAL: &str = include_str!("../../../tests/fixtures/anthropic/refusal.sse");

fn translator() -> EventTranslator {
    EventTranslator::new("claude".to_owned(), 1_700_000_000)
}

fn translate(stream: &str) -> String {
    let mut translator = translator();
    let mut out = translator.feed(stream.as_bytes());
    out.extend(translator.end());
    String::from_utf8(out).unwrap()
}

/// The chunks, without what is the same in all of them.
fn short(chunks: &str) -> String {
    chunks
        .replace(
            r#","object":"chat.completion.chunk","created":1700000000,"model":"claude""#,
            "",
        )
        .replace(r#""logprobs":null,"#, "")
}

fn chunks(stream: &str) -> Vec<Value> {
    let text = translate(stream);
    let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap())
}

#[test]
fn the_first_chunk_is_whole() {
    let first = translate(TEXT).split("\n\n").next().unwrap().to_owned();
    insta::assert_snapshot!(first, @r#"data: {"id":"msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY","object":"chat.completion.chunk","created":1700000000,"model":"claude","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#);
}

#[test]
fn text() {
    insta::assert_snapshot!(short(&translate(TEXT)));
}

#[test]
fn thinking_and_calls_of_tools() {
    insta::assert_snapshot!(short(&translate(TOOLS)));
}

#[test]
fn an_error_in_mid_stream_is_told_and_is_the_end() {
    insta::assert_snapshot!(short(&translate(OVERLOADED)));
    let mut translator = translator();
    translator.feed(OVERLOADED.as_bytes());
    assert!(translator.has_ended());
    assert_eq!(translator.feed(TEXT.as_bytes()), b"");
    assert_eq!(translator.usage().prompt_tokens, 25);
}

#[test]
fn a_refusal_in_mid_stream() {
    insta::assert_snapshot!(short(&translate(REFUSAL)));
}

#[test]
fn every_kind_of_error_has_a_word_of_openais_and_keeps_its_own() {
    for (kind, word) in [
        ("overloaded_error", "server_error"),
        ("api_error", "server_error"),
        ("timeout_error", "server_error"),
        ("rate_limit_error", "requests"),
        ("billing_error", "insufficient_quota"),
        ("invalid_request_error", "invalid_request_error"),
        ("permission_error", "request_forbidden"),
    ] {
        let told = chunks(&event(
            &json!({"type": "error", "error": {"type": kind, "message": "words"}}),
        ));
        let expected = json!({"error": {"message": "words", "type": word, "param": null, "code": kind}});
        assert_eq!(told, [expected]);
    }
}

#[test]
fn an_answer_that_did_not_end_is_not_closed() {
    let (whole, _) = TEXT.split_once("event: message_delta").unwrap();
    let mut translator = translator();
    let out = translator.feed(whole.as_bytes());
    assert!(out.ends_with(b"\n\n") && !out.ends_with(b"[DONE]\n\n"));
    assert_eq!(translator.end(), b"");
    assert!(!translator.has_ended());
}

#[test]
fn the_last_event_needs_no_blank_line_and_an_answer_with_a_reason_is_whole() {
    let expected = translate(TEXT);
    assert_eq!(translate(TEXT.trim_end()), expected);
    let (without_stop, _) = TEXT.split_once("event: message_stop").unwrap();
    assert_eq!(translate(without_stop), expected);
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_and_the_end() {
    let broken = TEXT.replacen(r#"{"type": "ping"}"#, "{\"type\": secret", 1);
    let told = translate(&broken);
    assert!(
        told.contains(r#""code":"provider_malformed""#) && told.ends_with("data: [DONE]\n\n"),
        "{told}"
    );
    assert!(!told.contains("secret"));
}

#[test]
fn line_ends_do_not_matter() {
    assert_eq!(translate(&TOOLS.replace('\n', "\r\n")), translate(TOOLS));
}

fn fed_in_pieces(stream: &str, cuts: &[usize]) -> String {
    let mut translator = translator();
    let mut rest = stream.as_bytes();
    let mut out = Vec::new();
    for cut in cuts {
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        out.extend(translator.feed(now));
        rest = later;
    }
    out.extend(translator.feed(rest));
    out.extend(translator.end());
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn it_does_not_matter_where_the_network_cuts(
        which in 0_usize..4,
        cuts in proptest::collection::vec(1_usize..200, 0..400),
    ) {
        let stream = [TEXT, TOOLS, OVERLOADED, REFUSAL][which];
        prop_assert_eq!(fed_in_pieces(stream, &cuts), translate(stream));
    }

    #[test]
    fn every_byte_may_come_alone(which in 0_usize..4) {
        let stream = [TEXT, TOOLS, OVERLOADED, REFUSAL][which];
        prop_assert_eq!(fed_in_pieces(stream, &vec![1; stream.len()]), translate(stream));
    }

    #[test]
    fn whatever_is_said_arrives_unchanged(pieces in proptest::collection::vec(any::<String>(), 0..8)) {
        let mut stream = event(&json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}));
        for piece in &pieces {
            let delta = json!({"type": "text_delta", "text": piece});
            stream.push_str(&event(&json!({"type": "content_block_delta", "index": 0, "delta": delta})));
        }
        let said: String = chunks(&stream)
            .iter()
            .map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().unwrap().to_owned())
            .collect();
        prop_assert_eq!(said, pieces.concat());
    }

    #[test]
    fn whatever_comes_the_client_sees_whole_events(which in 0_usize..4, from in any::<prop::sample::Index>(), put in any::<Vec<u8>>()) {
        let mut stream = [TEXT, TOOLS, OVERLOADED, REFUSAL][which].as_bytes().to_vec();
        let place = from.index(stream.len());
        stream.splice(place..=place, put);
        let mut translator = translator();
        let mut out = translator.feed(&stream);
        out.extend(translator.end());
        let out = String::from_utf8(out).unwrap();
        for event in out.split_terminator("\n\n") {
            let data = event.strip_prefix("data: ").unwrap();
            prop_assert!(data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok(), "{}", data);
        }
        prop_assert_eq!(translator.has_ended(), out.ends_with("data: [DONE]\n\n"));
    }
}
