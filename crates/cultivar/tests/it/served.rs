//! A data directory with a provider, and a server over it.

use cultivar_testkit::{RawProvider, Step};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::{Running, Workplace};

const MODEL: &str = "clerk";

/// A directory in which one model is served by a provider that always answers.
pub(crate) struct Served {
    pub(crate) workplace: Workplace,
    pub(crate) key: String,
    provider: RawProvider,
    _runtime: Runtime,
}

impl Served {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let provider = runtime
            .block_on(RawProvider::start(|_, call| answer(&call.body)))
            .unwrap();
        let workplace = Workplace::new();
        workplace.run(&["init", "--name", "office"]).done();
        workplace
            .run(&["terms", "accept", "cc-by-4_0", "--by", "Ann Example"])
            .done();
        let provider_at = [
            "--base-url",
            provider.base_url(),
            "--provider-model",
            "large",
            "--terms",
            "cc-by-4_0",
        ];
        workplace
            .run(&[&["provider", "add", MODEL][..], &provider_at].concat())
            .done();
        let key = workplace
            .run(&["key", "create", "client", "--format", "json"])
            .done()
            .json();
        Self {
            workplace,
            key: key["key"].as_str().unwrap().to_owned(),
            provider,
            _runtime: runtime,
        }
    }

    pub(crate) fn serve(&self) -> (Running, String) {
        let running = self.workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
        let api = running.end_of("Model API: ");
        assert!(running.says("Serving until interrupted"), "{}", running.said_so_far());
        (running, api.trim_end_matches("/v1").to_owned())
    }

    pub(crate) fn asked(&self) -> usize {
        self.provider.calls().len()
    }
}

pub(crate) fn question(stream: bool) -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": "one espresso please" }], "stream": stream })
}

fn answer(body: &[u8]) -> Vec<Step> {
    let wants_stream = serde_json::from_slice::<Value>(body).is_ok_and(|body| body["stream"] == true);
    if !wants_stream {
        let choice =
            json!({ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Here." } });
        let usage = json!({ "prompt_tokens": 5, "completion_tokens": 1 });
        let completion = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "large", "choices": [choice], "usage": usage });
        return vec![Step::answer(200, "application/json", &completion.to_string())];
    }
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "large", "choices": choices, "usage": usage });
        Step::chunk(format!("data: {chunk}\n\n").as_bytes())
    };
    vec![
        Step::stream_head(),
        chunk(
            json!([{ "index": 0, "delta": { "content": "Here." }, "finish_reason": null }]),
            Value::Null,
        ),
        chunk(
            json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]),
            Value::Null,
        ),
        chunk(json!([]), json!({ "prompt_tokens": 5, "completion_tokens": 1 })),
        Step::chunk(b"data: [DONE]\n\n"),
        Step::stream_end(),
    ]
}
