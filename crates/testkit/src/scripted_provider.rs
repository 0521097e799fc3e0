//! A provider on a loopback port that does what a script says, over the same wire as the real ones.
//! Source: OpenAI API reference, "Chat Completions", "Streaming", "Error codes".

use std::{
    convert::Infallible,
    fmt::{self, Write as _},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// Streams are sent in slices of this many bytes, so that no event arrives in one piece.
const SLICE_BYTES: usize = 7;
/// How long the connection of a broken stream stays open, so that what was sent arrives first.
const BEFORE_BREAKING: Duration = Duration::from_millis(50);

/// What the provider does with a call.
#[derive(Clone, Debug)]
pub enum Script {
    /// Answers: the pieces joined, or one chunk each where a stream was asked for; 5 and 3 tokens.
    Says(&'static [&'static str]),
    /// Refuses with an error object in OpenAI's shape.
    Refuses {
        /// The HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// The error's words.
        message: &'static str,
    },
    /// Streams these pieces, then the connection breaks.
    Breaks(&'static [&'static str]),
    /// Streams these pieces and ends in good order, but never says that the answer has ended.
    EndsEarly(&'static [&'static str]),
    /// Streams these pieces and then waits for ever.
    Hangs(&'static [&'static str]),
    /// Streams these pieces, then an error object in place of a chunk.
    FailsMidway(&'static [&'static str]),
    /// Never sends a byte.
    IsSilent,
    /// Sends the call to another address.
    Redirects(String),
    /// Answers 200 with this body.
    Sends(&'static str),
}

/// A call as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The body.
    pub body: Value,
    /// The `authorization` header.
    pub authorization: Option<String>,
}

/// A provider that does what its script says, until it is dropped.
pub struct ScriptedProvider {
    base_url: String,
    stage: Arc<Stage>,
    hung_up: watch::Receiver<bool>,
    _server: JoinSet<()>,
}

struct Stage {
    script: Mutex<Script>,
    calls: Mutex<Vec<Call>>,
    on_call: Box<dyn Fn(&Call) + Send + Sync>,
    /// Tells whether a client has hung up.
    line: watch::Sender<bool>,
}

impl ScriptedProvider {
    /// Starts it.
    ///
    /// # Errors
    /// What the system says about a loopback port.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_with(script, |_| {}).await
    }

    /// Starts it; `on_call` hears of every call before it is answered.
    ///
    /// # Errors
    /// What the system says about a loopback port.
    pub async fn start_with(script: Script, on_call: impl Fn(&Call) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let (line, hung_up) = watch::channel(false);
        let stage = Arc::new(Stage {
            script: Mutex::new(script),
            calls: Mutex::default(),
            on_call: Box::new(on_call),
            line,
        });
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&stage));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            base_url,
            stage,
            hung_up,
            _server: server,
        })
    }

    /// Its base URL, ending in `/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Gives it another script for the calls to come.
    pub fn follow(&self, script: Script) {
        *self.stage.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// The calls that arrived, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.stage.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns once the client of a call that hangs or is silent has hung up.
    pub async fn until_hung_up(&self) {
        let _ = self.hung_up.clone().wait_for(|hung_up| *hung_up).await;
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedProvider")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// Tells that the client has hung up when it is dropped.
struct Line(Arc<Stage>);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.line.send_replace(true);
    }
}

async fn answer(State(stage): State<Arc<Stage>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let call = Call {
        body,
        authorization: authorization.map(str::to_owned),
    };
    (stage.on_call)(&call);
    let wants_stream = call.body.get("stream") == Some(&Value::Bool(true));
    stage.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    let script = stage.script.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match script {
        Script::Says(pieces) if wants_stream => event_stream(&whole_stream(pieces), Ending::Orderly),
        Script::Says(pieces) => {
            ([("x-request-id", "req-scripted")], Json(completion(&pieces.concat()))).into_response()
        }
        Script::Refuses { status, code, message } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(error(code, message))).into_response()
        }
        Script::Breaks(pieces) => event_stream(&texts(pieces), Ending::Broken),
        Script::EndsEarly(pieces) => event_stream(&texts(pieces), Ending::Orderly),
        Script::Hangs(pieces) => event_stream(&texts(pieces), Ending::Never(Line(stage))),
        Script::FailsMidway(pieces) => {
            let mut events = texts(pieces);
            events.push(error("server_error", "the scripted provider failed midway"));
            event_stream(&events, Ending::Orderly)
        }
        Script::IsSilent => {
            let _line = Line(stage);
            std::future::pending().await
        }
        Script::Redirects(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Script::Sends(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
    }
}

fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "message": message, "type": "scripted", "param": null, "code": code } })
}

fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": "scripted-large",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 },
    })
}

fn chunk(choices: &Value, usage: &Value) -> Value {
    json!({
        "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": "scripted-large",
        "choices": choices, "usage": usage,
    })
}

fn texts(pieces: &[&str]) -> Vec<Value> {
    let choice = |piece: &&str| json!([{ "index": 0, "delta": { "content": piece }, "finish_reason": null }]);
    pieces.iter().map(|piece| chunk(&choice(piece), &Value::Null)).collect()
}

fn whole_stream(pieces: &[&str]) -> Vec<Value> {
    let mut events = texts(pieces);
    let end = json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]);
    events.push(chunk(&end, &Value::Null));
    let usage = json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 });
    events.push(chunk(&json!([]), &usage));
    events
}

enum Ending {
    Orderly,
    Broken,
    Never(Line),
}

fn event_stream(events: &[Value], ending: Ending) -> Response {
    let mut text = String::new();
    for event in events {
        let _ = write!(text, "data: {event}\n\n");
    }
    if matches!(ending, Ending::Orderly) {
        text.push_str("data: [DONE]\n\n");
    }
    let slices: Vec<Bytes> = text
        .as_bytes()
        .chunks(SLICE_BYTES)
        .map(Bytes::copy_from_slice)
        .collect();
    let sent = stream::iter(slices).map(Ok::<_, Infallible>);
    let body = match ending {
        Ending::Orderly => Body::from_stream(sent),
        Ending::Broken => {
            let sent = sent.map(|slice| slice.map_err(io::Error::other));
            Body::from_stream(sent.chain(stream::once(async {
                tokio::time::sleep(BEFORE_BREAKING).await;
                Err(io::Error::other("the script says so"))
            })))
        }
        Ending::Never(line) => Body::from_stream(sent.chain(stream::once(async move {
            let _line = line;
            std::future::pending().await
        }))),
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
