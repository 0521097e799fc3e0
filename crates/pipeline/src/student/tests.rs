//! Our own models behind OpenAI's API: what a client sees of a real (small) student.

mod chat;
mod completions;
mod refusals;
mod responses;
mod tokens;

use bytes::Bytes;
use cultivar_gateway::{
    GatewayError,
    providers::{ProviderCall, ReplyBody, local::ask},
};
use cultivar_model::{DecoderConfig, NgramBaseline, Size, Student};
use cultivar_record::{Ambient, Endpoint, ExchangeId, Seed, chat::Role};
use cultivar_testkit::CountingAmbient;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::*;

/// Tokens that the student sees at once.
const CONTEXT: usize = 96;
const WIDTH: usize = 32;

fn texts() -> [&'static str; 4] {
    [
        "one chai latte please",
        "of course, anything else?",
        "thé glacé 🍵 please",
        "that will be ready soon",
    ]
}

fn tokenizer() -> Tokenizer {
    Tokenizer::train(texts().iter().cycle().take(40), 320).unwrap()
}

/// Random weights: its answers are strange, long, and full of broken characters.
fn student() -> Arc<dyn LocalModel> {
    let config = DecoderConfig {
        width: WIDTH,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        hidden: 48,
        context: CONTEXT,
        ..DecoderConfig::of_size(Size::Tiny, tokenizer().vocab())
    };
    Joined::behind_the_door(Arc::new(Student::untrained(config, tokenizer(), Seed::new(7)).unwrap()))
}

/// Says what it has seen.
fn ngram() -> Arc<dyn LocalModel> {
    let pairs = texts();
    let conversations: Vec<Vec<Message>> = pairs
        .chunks(2)
        .map(|pair| vec![user(pair[0]), assistant(pair[1])])
        .collect();
    Joined::behind_the_door(Arc::new(NgramBaseline::train(&conversations, tokenizer(), 6).unwrap()))
}

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

fn assistant(text: &str) -> Message {
    Message::text(Role::Assistant, text)
}

fn call(endpoint: Endpoint, body: &Value, stream: bool) -> ProviderCall {
    let ambient = CountingAmbient::default();
    ProviderCall {
        exchange: ExchangeId::new(&ambient),
        at: ambient.now(),
        endpoint,
        body: Bytes::from(body.to_string()),
        model: "barista".to_owned(),
        stream,
    }
}

/// The whole answer.
async fn asked(model: &Arc<dyn LocalModel>, endpoint: Endpoint, body: Value) -> Result<Value, GatewayError> {
    match ask(Arc::clone(model), call(endpoint, &body, false)).await?.body {
        ReplyBody::Whole(bytes) => Ok(serde_json::from_slice(&bytes).unwrap()),
        ReplyBody::Events(_) => panic!("a whole answer was asked for"),
    }
}

/// The events of a streamed answer, without the last, which says that it is done.
async fn streamed(model: &Arc<dyn LocalModel>, endpoint: Endpoint, body: Value) -> Vec<Value> {
    let reply = ask(Arc::clone(model), call(endpoint, &body, true)).await.unwrap();
    let ReplyBody::Events(events) = reply.body else {
        panic!("a stream was asked for")
    };
    let events: Vec<String> = events
        .map(|event| String::from_utf8(event.unwrap().to_vec()).unwrap())
        .collect()
        .await;
    let (last, events) = events.split_last().unwrap();
    assert_eq!(last, "data: [DONE]\n\n");
    let data = |event: &String| {
        let data = event.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        serde_json::from_str(data).unwrap()
    };
    events.iter().map(data).collect()
}

/// What one choice of a stream adds up to under a pointer.
fn joined_text(events: &[Value], choice: u64, pointer: &str) -> String {
    let of_choice = events.iter().filter(|event| event["choices"][0]["index"] == choice);
    of_choice.filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}
