//! The load generator: so many callers, each on a connection of its own, ask for so long, on one thread of its own process.
//!
//! Each caller asks again as soon as it has its answer (a closed loop), and looks at what it got: status 200, all bytes there, the
//! mock's words in it or the end of its stream. What is not so is an error with its kind, and no latency.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
    process::{self, ExitCode},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    task::JoinSet,
    time,
};

use super::{
    cpu::Clock,
    figures::Latency,
    message::{Malformed, Message},
    mock,
};
use crate::Failure;

/// Length of a request's body in bytes.
const REQUEST_LENGTH: usize = 300;

/// An answer's length at first; longer ones grow their buffer.
const ANSWER_CAPACITY: usize = 16_384;

/// How long an answer may take once no more is asked.
const GRACE: Duration = Duration::from_secs(10);

/// How long a caller rests whose connection was refused.
const REST: Duration = Duration::from_millis(5);

/// Who is asked for what, by how many, for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// The server's address and port
    #[arg(long)]
    pub(super) address: SocketAddr,
    /// The path of its chat completions
    #[arg(long, default_value = "/v1/chat/completions")]
    pub(super) path: String,
    /// The model's name there
    #[arg(long, default_value = mock::MODEL)]
    pub(super) model: String,
    /// A header, as `name: value`; may be repeated
    #[arg(long = "header")]
    pub(super) headers: Vec<String>,
    /// Callers
    #[arg(long, default_value_t = 1)]
    pub(super) callers: usize,
    /// For how many seconds they ask
    #[arg(long, default_value_t = 1.0)]
    pub(super) seconds: f64,
    /// How many requests at most
    #[arg(long, default_value_t = u64::MAX)]
    pub(super) requests: u64,
    /// Ask for streams
    #[arg(long)]
    pub(super) stream: bool,
}

/// What the callers met.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Met {
    /// Answers that were as they should be.
    pub(super) answered: u64,
    /// The others, by kind.
    pub(super) errors: BTreeMap<String, u64>,
    /// From the first request to the last answer.
    pub(super) seconds: f64,
    /// Of the answers.
    pub(super) latency: Latency,
    /// The load generator's own processor time, in seconds.
    pub(super) own_cpu_seconds: f64,
}

impl Met {
    pub(super) fn errors(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl Load {
    /// The same as arguments of the hidden subcommand.
    pub(super) fn arguments(&self) -> Vec<String> {
        let named = [
            ("--address", self.address.to_string()),
            ("--path", self.path.clone()),
            ("--model", self.model.clone()),
            ("--callers", self.callers.to_string()),
            ("--seconds", self.seconds.to_string()),
            ("--requests", self.requests.to_string()),
        ];
        let named = named.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        let headers = self
            .headers
            .iter()
            .flat_map(|header| ["--header".to_owned(), header.clone()]);
        let stream = self.stream.then(|| "--stream".to_owned());
        named.chain(headers).chain(stream).collect()
    }

    /// How long it takes at most.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.max(0.0)) + GRACE
    }

    /// The whole request, made once.
    fn request(&self) -> Vec<u8> {
        let body = self.body();
        let mut head = format!("POST {} HTTP/1.1\r\nhost: {}\r\n", self.path, self.address);
        for header in &self.headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("content-type: application/json\r\naccept: */*\r\nuser-agent: bench\r\n");
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// A chat request, filled up with words to its length.
    fn body(&self) -> String {
        let stream = if self.stream {
            r#","stream":true,"stream_options":{"include_usage":true}"#
        } else {
            ""
        };
        let of = |words: &str| {
            format!(
                r#"{{"model":"{}","messages":[{{"role":"user","content":"How does a seed travel?{words}"}}],"max_tokens":64{stream}}}"#,
                self.model
            )
        };
        let missing = REQUEST_LENGTH.saturating_sub(of("").len());
        of(&" seed".chars().cycle().take(missing).collect::<String>())
    }
}

/// Asks, and says what was met as JSON on stdout.
pub(super) fn run(load: &Load) -> Result<ExitCode, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let clock = Clock::of_this_machine();
    let before = clock.used(process::id());
    let mut met = runtime.map_err(Failure::at("tokio"))?.block_on(ask_all(load));
    met.own_cpu_seconds = clock.used(process::id()).saturating_sub(before).as_secs_f64();
    let said = serde_json::to_string(&met).map_err(Failure::at("what was met"))?;
    writeln!(io::stdout().lock(), "{said}").map_err(Failure::at("stdout"))?;
    Ok(ExitCode::SUCCESS)
}

/// What the callers share.
struct Shared {
    address: SocketAddr,
    request: Vec<u8>,
    stream: bool,
    until: Instant,
    tally: Mutex<Tally>,
}

struct Tally {
    /// Requests that may still be begun.
    left: u64,
    /// Requests that were begun and have neither answer nor error yet.
    open: u64,
    latencies: Vec<Duration>,
    errors: BTreeMap<String, u64>,
    last_answer: Instant,
}

impl Shared {
    fn tally<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether one more request may be begun; then it is open.
    fn begins(&self) -> bool {
        Instant::now() < self.until
            && self.tally(|tally| {
                let begins = tally.left > 0;
                tally.left -= u64::from(begins);
                tally.open += u64::from(begins);
                begins
            })
    }
}

async fn ask_all(load: &Load) -> Met {
    let start = Instant::now();
    let tally = Tally {
        left: load.requests,
        open: 0,
        latencies: Vec::new(),
        errors: BTreeMap::new(),
        last_answer: start,
    };
    let shared = Arc::new(Shared {
        address: load.address,
        request: load.request(),
        stream: load.stream,
        until: start + Duration::from_secs_f64(load.seconds.max(0.0)),
        tally: Mutex::new(tally),
    });
    let mut callers = JoinSet::new();
    for _ in 0..load.callers.max(1) {
        callers.spawn(caller(Arc::clone(&shared)));
    }
    let all = async { while callers.join_next().await.is_some() {} };
    let _ = time::timeout(load.patience(), all).await;
    shared.tally(|tally| {
        if tally.open > 0 {
            tally.errors.insert("no answer in time".to_owned(), tally.open);
        }
        Met {
            answered: tally.latencies.len() as u64,
            errors: std::mem::take(&mut tally.errors),
            seconds: tally.last_answer.duration_since(start).as_secs_f64(),
            latency: Latency::of(&mut tally.latencies),
            own_cpu_seconds: 0.0,
        }
    })
}

async fn caller(shared: Arc<Shared>) {
    let mut connection = None;
    let mut arrived = Vec::with_capacity(ANSWER_CAPACITY);
    while shared.begins() {
        arrived.clear();
        let answer = ask(&shared, &mut connection, &mut arrived).await;
        let refused = connection.is_none() && answer.is_err();
        shared.tally(|tally| {
            tally.open -= 1;
            tally.last_answer = Instant::now();
            match answer {
                Ok(latency) => tally.latencies.push(latency),
                Err(kind) => *tally.errors.entry(kind).or_default() += 1,
            }
        });
        if refused {
            time::sleep(REST).await;
        }
    }
}

/// One request and its answer; the time between them, or what was wrong.
async fn ask(shared: &Shared, connection: &mut Option<TcpStream>, arrived: &mut Vec<u8>) -> Result<Duration, String> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => connect(shared.address).await?,
    };
    let start = Instant::now();
    stream
        .write_all(&shared.request)
        .await
        .map_err(|_| "the connection broke".to_owned())?;
    let mut message = Message::default();
    let whole = loop {
        match stream.read_buf(arrived).await {
            Ok(0) => return Err("the connection ended in the answer".to_owned()),
            Err(_) => return Err("the connection broke".to_owned()),
            Ok(_) => {}
        }
        match message.whole(arrived) {
            Ok(None) => {}
            Ok(Some(whole)) => break whole,
            Err(Malformed) => return Err("the answer is no HTTP".to_owned()),
        }
    };
    let latency = start.elapsed();
    if !whole.last {
        *connection = Some(stream);
    }
    let head = arrived.get(..whole.body.start).unwrap_or_default();
    judge(head, arrived.get(whole.body).unwrap_or_default(), shared.stream)?;
    Ok(latency)
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|_| "no connection".to_owned())?;
    stream.set_nodelay(true).map_err(|_| "no connection".to_owned())?;
    Ok(stream)
}

/// Whether an answer is what the mock gave.
fn judge(head: &[u8], body: &[u8], stream: bool) -> Result<(), String> {
    let status = head.get(9..12).unwrap_or_default();
    if status != b"200" {
        return Err(format!("status {}", String::from_utf8_lossy(status)));
    }
    let text = std::str::from_utf8(body).map_err(|_| "the answer is no text".to_owned())?;
    if !stream && text.contains(mock::WORDS) {
        return Ok(());
    }
    // The events of gateways differ by the usage and the end, so that only the deltas are counted, and the end is looked for.
    let ends = || {
        text.get(text.len().saturating_sub(64)..)
            .is_some_and(|end| end.contains("[DONE]"))
    };
    if stream && ends() && text.matches("\"delta\"").count() >= mock::DELTAS {
        return Ok(());
    }
    Err("an answer that is not the provider's".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        load: Load,
    }

    fn load(stream: bool) -> Load {
        Load {
            address: "127.0.0.1:80".parse().unwrap(),
            path: "/v1".to_owned(),
            model: "m".to_owned(),
            headers: vec!["a: b".to_owned(), "c: d".to_owned()],
            callers: 3,
            seconds: 0.5,
            requests: 7,
            stream,
        }
    }

    #[test]
    fn its_arguments_say_the_same_again() {
        for stream in [false, true] {
            let arguments = load(stream).arguments();
            let line = Line::parse_from(std::iter::once("load".to_owned()).chain(arguments.clone()));
            assert_eq!(line.load.arguments(), arguments);
        }
    }

    #[test]
    fn the_request_is_one_whole_message_with_a_body_of_json() {
        for stream in [false, true] {
            let request = load(stream).request();
            let whole = Message::default().whole(&request).unwrap().unwrap();
            assert_eq!(whole.body.len(), REQUEST_LENGTH);
            assert_eq!(whole.body.end, request.len());
            let body: serde_json::Value = serde_json::from_slice(&request[whole.body]).unwrap();
            assert_eq!(body["stream"].as_bool().unwrap_or(false), stream);
        }
    }

    #[test]
    fn an_answer_that_is_not_the_providers_is_an_error() {
        let ok = b"HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(judge(ok, mock::WORDS.as_bytes(), false), Ok(()));
        assert!(judge(ok, b"something else", false).is_err());
        assert_eq!(
            judge(b"HTTP/1.1 503 No\r\n\r\n", mock::WORDS.as_bytes(), false),
            Err("status 503".to_owned())
        );
        let stream = |deltas: usize, end: &str| format!("{}{end}", "data: {\"delta\":{}}\n\n".repeat(deltas));
        assert_eq!(judge(ok, stream(50, "data: [DONE]\n\n").as_bytes(), true), Ok(()));
        assert!(judge(ok, stream(49, "data: [DONE]\n\n").as_bytes(), true).is_err());
        assert!(judge(ok, stream(50, "").as_bytes(), true).is_err());
    }
}
