//! A provider on a loopback port that writes bytes: whatever a server, a proxy or a broken line may send. Speaks as much HTTP as is
//! needed to read a request.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::wire;

/// One step of what happens to a call.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes are sent.
    Send(Bytes),
    /// Nothing is sent for so long.
    Wait(Duration),
    /// Nothing is sent until the client hangs up.
    Hang,
    /// The connection ends in good order.
    Close,
    /// The connection is reset.
    Reset,
}

impl Step {
    /// Sends bytes.
    pub fn send(bytes: impl Into<Bytes>) -> Self {
        Self::Send(bytes.into())
    }

    /// Sends a whole answer; the connection stays open.
    pub fn answer(status: u16, kind: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status} S\r\ncontent-type: {kind}\r\nx-request-id: req-raw\r\n");
        Self::send(format!("{head}content-length: {}\r\n\r\n{body}", body.len()))
    }

    /// Sends the head of a stream of events, which comes in chunks.
    pub fn stream_head() -> Self {
        Self::send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    }

    /// Sends one chunk of a stream: the client sees where it is cut.
    pub fn chunk(bytes: &[u8]) -> Self {
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        Self::send(framed)
    }

    /// Sends the end of a stream.
    pub fn stream_end() -> Self {
        Self::send("0\r\n\r\n")
    }
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawCall {
    /// Its first line and headers.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

type Script = dyn Fn(usize, &RawCall) -> Vec<Step> + Send + Sync;

/// A provider that writes bytes, until it is dropped.
pub struct RawProvider {
    base_url: String,
    stage: Arc<Stage>,
    hung_up: watch::Receiver<usize>,
    _server: JoinSet<()>,
}

struct Stage {
    script: Box<Script>,
    calls: Mutex<Vec<RawCall>>,
    connections: AtomicUsize,
    /// How many clients have hung up while nothing was sent.
    line: watch::Sender<usize>,
}

impl RawProvider {
    /// Starts it; `script` is told how many calls came before, and the call.
    ///
    /// # Errors
    /// What the system says about a loopback port.
    pub async fn start(script: impl Fn(usize, &RawCall) -> Vec<Step> + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let (line, hung_up) = watch::channel(0);
        let stage = Arc::new(Stage {
            script: Box::new(script),
            calls: Mutex::default(),
            connections: AtomicUsize::new(0),
            line,
        });
        let mut server = JoinSet::new();
        let on_stage = Arc::clone(&stage);
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let stage = Arc::clone(&on_stage);
                stage.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(async move {
                    // A client that breaks off is what some tests are about.
                    let _ = converse(&stage, stream).await;
                });
            }
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

    /// The calls that arrived, oldest first.
    pub fn calls(&self) -> Vec<RawCall> {
        self.stage.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.stage.connections.load(Ordering::Relaxed)
    }

    /// Returns once so many clients have hung up on a call that hangs.
    pub async fn until_hung_up(&self, clients: usize) {
        let _ = self.hung_up.clone().wait_for(|hung_up| *hung_up >= clients).await;
    }
}

impl fmt::Debug for RawProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawProvider")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

async fn converse(stage: &Stage, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(call) = read_call(&stream).await? {
        let steps = {
            let mut calls = stage.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let before = calls.len();
            calls.push(call.clone());
            drop(calls);
            (stage.script)(before, &call)
        };
        for step in steps {
            match step {
                Step::Send(bytes) => wire::write_all(&stream, &bytes).await?,
                Step::Wait(pause) => tokio::time::sleep(pause).await,
                Step::Hang => {
                    // Whatever ends the connection: nothing more of a client is expected while it waits for an answer.
                    let _ = wire::read_some(&stream, &mut Vec::new()).await;
                    stage.line.send_modify(|hung_up| *hung_up += 1);
                    return Ok(());
                }
                Step::Close => return wire::end_writing(&mut stream).await,
                Step::Reset => return stream.set_zero_linger(),
            }
        }
    }
    Ok(())
}

/// The next request; nothing where the client has hung up between two.
async fn read_call(stream: &TcpStream) -> io::Result<Option<RawCall>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if wire::read_some(stream, &mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    while body.len() < length.unwrap_or(0) {
        if wire::read_some(stream, &mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(RawCall { head, body }))
}
