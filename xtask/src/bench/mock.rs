//! The mock provider: answers every chat completion at once with the same bytes, on one thread of its own process.
//!
//! An answer has 557 bytes; a stream has 50 deltas, the stop, the usage and `[DONE]`, 53 events without gaps, so many of them in
//! each write. It ends when its stdin does, so that it outlives nobody.

use std::{
    fmt::Write as _,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    process::{self, ExitCode},
    sync::Arc,
    thread,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
    task::JoinSet,
};

use super::message::Message;
use crate::Failure;

/// Length of an answer in bytes.
const ANSWER_LENGTH: usize = 557;

/// What every answer says, so that it can be known again after any gateway.
pub(super) const WORDS: &str = "The seed falls where the wind carries it";

/// Deltas of a stream.
pub(super) const DELTAS: usize = 50;

/// Events of a stream: the deltas, the stop, the usage and `[DONE]`.
pub(super) const EVENTS: usize = DELTAS + 3;

/// The model that it has.
pub(super) const MODEL: &str = "mock-model";

/// A request's length at first; longer ones grow their buffer.
const REQUEST_CAPACITY: usize = 4_096;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Events in each write of a stream
    #[arg(long, default_value_t = super::EVENTS_PER_WRITE)]
    events_per_write: usize,
}

/// What is sent, made once.
struct Answers {
    whole: Vec<u8>,
    models: Vec<u8>,
    /// One for each write.
    stream: Vec<Vec<u8>>,
}

/// Serves until stdin ends; says its address on stdout first.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    thread::spawn(|| {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let runtime = runtime::Builder::new_current_thread().enable_io().build();
    runtime.map_err(Failure::at("tokio"))?.block_on(async {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(any).await.map_err(Failure::at(any))?;
        let address = listener.local_addr().map_err(Failure::at(any))?;
        writeln!(io::stdout().lock(), "http://{address}").map_err(Failure::at("stdout"))?;
        let answers = Arc::new(Answers::new(arguments.events_per_write.max(1)));
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.map_err(Failure::at(address))?;
            connections.spawn(serve(stream, Arc::clone(&answers)));
            while connections.try_join_next().is_some() {}
        }
    })
}

/// Answers on one connection until its other end closes it.
async fn serve(mut stream: TcpStream, answers: Arc<Answers>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut arrived = Vec::with_capacity(REQUEST_CAPACITY);
    loop {
        let mut message = Message::default();
        let whole = loop {
            match message.whole(&arrived) {
                Ok(Some(whole)) => break whole,
                Ok(None) if stream.read_buf(&mut arrived).await? > 0 => {}
                _ => return Ok(()),
            }
        };
        let request = arrived.get(..whole.body.end).unwrap_or_default();
        match Wanted::of(request) {
            Wanted::Stream => {
                for part in &answers.stream {
                    stream.write_all(part).await?;
                }
            }
            Wanted::Whole => stream.write_all(&answers.whole).await?,
            Wanted::Models => stream.write_all(&answers.models).await?,
        }
        if whole.last {
            return stream.shutdown().await;
        }
        arrived.drain(..whole.body.end);
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Stream,
    /// Anything that is no completion: gateways look whether their provider is well.
    Models,
}

impl Wanted {
    fn of(request: &[u8]) -> Self {
        if !request.starts_with(b"POST") {
            return Self::Models;
        }
        let text = std::str::from_utf8(request).unwrap_or_default();
        if text.contains("\"stream\":true") || text.contains("\"stream\": true") {
            Self::Stream
        } else {
            Self::Whole
        }
    }
}

impl Answers {
    fn new(events_per_write: usize) -> Self {
        let models = format!(
            r#"{{"object":"list","data":[{{"id":"{MODEL}","object":"model","created":1,"owned_by":"mock"}}]}}"#
        );
        Self {
            whole: json(&answer()),
            models: json(&models),
            stream: stream(events_per_write),
        }
    }
}

fn json(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A chat completion of the wanted length.
fn answer() -> String {
    let of = |words: &str| {
        format!(
            r#"{{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"{MODEL}","choices":[{{"index":0,"message":{{"role":"assistant","content":"{words}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":60,"completion_tokens":50,"total_tokens":110}},"system_fingerprint":"fp_mock"}}"#
        )
    };
    let mut words = WORDS.to_owned();
    while of(&words).len() < ANSWER_LENGTH {
        words.push(if words.ends_with(' ') { 'o' } else { ' ' });
    }
    of(&words)
}

/// The events of a stream, each a chunk, in so many writes as it takes.
fn stream(events_per_write: usize) -> Vec<Vec<u8>> {
    let events = events();
    let mut writes: Vec<String> = events
        .chunks(events_per_write)
        .map(|events| {
            events.iter().fold(String::new(), |mut chunks, event| {
                let _ = write!(chunks, "{:x}\r\n{event}\r\n", event.len());
                chunks
            })
        })
        .collect();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
    if let Some(first) = writes.first_mut() {
        first.insert_str(0, head);
    }
    if let Some(last) = writes.last_mut() {
        last.push_str("0\r\n\r\n");
    }
    writes.into_iter().map(String::into_bytes).collect()
}

fn events() -> Vec<String> {
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"{MODEL}\",\"choices\":[{choices}],\"usage\":{usage}}}\n\n"
        )
    };
    let delta = |number: usize| {
        let role = if number == 0 { r#""role":"assistant","# } else { "" };
        format!(r#"{{"index":0,"delta":{{{role}"content":" word{number}"}},"finish_reason":null}}"#)
    };
    let mut events: Vec<String> = (0..DELTAS).map(|number| chunk(&delta(number), "null")).collect();
    events.push(chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, "null"));
    events.push(chunk(
        "",
        r#"{"prompt_tokens":60,"completion_tokens":50,"total_tokens":110}"#,
    ));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_json_of_the_stated_length() {
        let answer = answer();
        assert_eq!(answer.len(), ANSWER_LENGTH);
        let value: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert!(
            value
                .pointer("/choices/0/message/content")
                .unwrap()
                .as_str()
                .unwrap()
                .starts_with(WORDS)
        );
    }

    #[test]
    fn a_stream_is_one_whole_message_of_53_events_however_it_is_written() {
        for (events_per_write, writes) in [(1, 53), (16, 4), (100, 1)] {
            let parts = stream(events_per_write);
            assert_eq!(parts.len(), writes);
            let bytes = parts.concat();
            let whole = Message::default().whole(&bytes).unwrap().unwrap();
            assert_eq!(whole.body.end, bytes.len());
            assert_eq!(String::from_utf8(bytes).unwrap().matches("data: ").count(), EVENTS);
        }
    }

    #[test]
    fn knows_what_is_asked() {
        assert_eq!(Wanted::of(b"GET /health HTTP/1.1\r\n\r\n"), Wanted::Models);
        assert_eq!(Wanted::of(b"POST / HTTP/1.1\r\n\r\n{\"stream\": true}"), Wanted::Stream);
        assert_eq!(Wanted::of(b"POST / HTTP/1.1\r\n\r\n{\"stream\":false}"), Wanted::Whole);
    }
}
