//! A server with one scripted provider behind it, and a client that sees every byte.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use cultivar_attest::Checklists;
use cultivar_gateway::{Durability, Gateway, KeyHasher, NewProvider, Parts};
use cultivar_ledger::LogSigner;
use cultivar_policy::{Markets, Permits, Register, Settings};
use cultivar_record::{Ambient, Organization, ProviderKind, Purpose, Timestamp};
use cultivar_store::{DataDir, Sqlite, Store};
use cultivar_telemetry::Telemetry;
use cultivar_testkit::{CountingAmbient, Script, ScriptedProvider, redact};
use cultivar_web::{App, router, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

pub(crate) const MODEL: &str = "lecturer";
pub(crate) const TERMS: &str = "cc-by-4_0";
/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a loopback port, stopped when it is dropped.
pub(crate) struct Site {
    _folder: TempDir,
    pub(crate) dir: DataDir,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) organization: Organization,
    pub(crate) provider: ScriptedProvider,
    /// A key for serving.
    pub(crate) key: String,
    pub(crate) address: SocketAddr,
    _server: JoinSet<()>,
    _stop: oneshot::Sender<()>,
}

impl Site {
    pub(crate) async fn with_provider(script: Script) -> Self {
        Self::with_page_model(script, MODEL).await
    }

    /// Whose page talks to this model, which the test registers.
    pub(crate) async fn with_page_model(script: Script, page_model: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::create(folder.path()).unwrap();
        let gateway = open(&dir);
        let organization = gateway.create_organization("lab", "US".parse().unwrap()).await.unwrap();
        gateway
            .accept_terms(&organization, &TERMS.parse().unwrap(), "Ann Example")
            .await
            .unwrap();
        let provider = ScriptedProvider::start(script).await.unwrap();
        gateway
            .register_provider(organization.id, scripted(&provider))
            .await
            .unwrap();
        let (_, key) = gateway.issue_key(&organization, "k", Purpose::Serve).await.unwrap();
        let app = App {
            gateway: Arc::clone(&gateway),
            telemetry: telemetry(),
            dir: dir.clone(),
            page_caller: gateway.authenticate(&key).unwrap(),
            page_model: page_model.to_owned(),
            page_examples: vec!["why is the sky blue?".to_owned()],
        };
        let (address, server, stop) = listen(cultivar_web::Site::new(app.clone(), router(app))).await;
        Self {
            _folder: folder,
            dir,
            gateway,
            organization,
            provider,
            key,
            address,
            _server: server,
            _stop: stop,
        }
    }

    /// Asks without a key.
    pub(crate) fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], b"")
    }

    /// Asks with a key.
    pub(crate) fn get_with_key(&self, path: &str) -> Reply {
        send(
            self.address,
            "GET",
            path,
            &[("authorization", &format!("Bearer {}", self.key))],
            b"",
        )
    }

    /// Asks for a completion with a key.
    pub(crate) fn complete(&self, body: &Value) -> Reply {
        self.complete_with(&self.key, body.to_string().as_bytes())
    }

    pub(crate) fn complete_with(&self, key: &str, body: &[u8]) -> Reply {
        let headers = [
            ("authorization", format!("Bearer {key}")),
            ("content-type", "application/json".to_owned()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        send(self.address, "POST", "/v1/chat/completions", &headers, body)
    }
}

pub(crate) fn scripted(provider: &ScriptedProvider) -> NewProvider {
    NewProvider {
        base_url: Some(provider.base_url().to_owned()),
        ..NewProvider::plain(
            "scripted",
            ProviderKind::Openai,
            MODEL,
            "scripted-large",
            TERMS.parse().unwrap(),
        )
    }
}

/// Counts, and exports nothing.
pub(crate) fn telemetry() -> Arc<Telemetry> {
    Telemetry::new(
        cultivar_telemetry::Settings::default(),
        "test",
        Timestamp::from_micros(0),
    )
    .unwrap()
}

fn open(dir: &DataDir) -> Arc<Gateway> {
    Gateway::open(Parts {
        store: Arc::new(Store::open(Arc::new(Sqlite::new(dir.database()))).unwrap()),
        dir: dir.clone(),
        ambient: Arc::new(CountingAmbient::default()) as Arc<dyn Ambient>,
        register: Register::shipped().unwrap(),
        permits: Permits::shipped(Settings::default()).unwrap(),
        hasher: KeyHasher::new([1; 32]),
        signer: LogSigner::from_secret("localhost/test/ledger", &[2; 32]).unwrap(),
        markets: Markets::shipped().unwrap(),
        checklists: Checklists::shipped().unwrap(),
        surrogates: [3; 32],
        durability: Durability::Process,
        observers: Vec::new(),
        variable: Arc::new(|_| None),
    })
    .unwrap()
}

/// Serves a site on a loopback port.
pub(crate) async fn listen(
    site: impl Into<cultivar_web::Site> + Send + 'static,
) -> (SocketAddr, JoinSet<()>, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let until = async move {
            let _ = stopped.await;
        };
        serve(listener, site, until).await.unwrap();
    });
    (address, server, stop)
}

/// A question that a person might ask.
pub(crate) fn question() -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": "why is the sky blue?" }] })
}

/// A reply as it came over the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case, sorted.
    pub(crate) headers: Vec<(String, String)>,
    /// The body as text.
    pub(crate) body: String,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Status, headers and body, without what differs from run to run.
    pub(crate) fn photograph(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "date") {
            let _ = writeln!(text, "{name}: {value}");
        }
        redact(&format!("{text}\n{}", self.body))
    }
}

/// Sends a request and reads the reply to its end. HTTP/1.0, so that the body is what was written, without chunk sizes.
pub(crate) fn send(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut head = format!("{method} {path} HTTP/1.0\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        let _ = write!(head, "host: {to}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let mut connection = TcpStream::connect(to).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    connection.write_all(body).unwrap();
    let mut reply = Vec::new();
    connection.read_to_end(&mut reply).unwrap();
    parse(&reply)
}

fn parse(reply: &[u8]) -> Reply {
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let (head, bytes) = (std::str::from_utf8(&reply[..end]).unwrap(), reply[end + 4..].to_vec());
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        line.split_once(": ")
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
    };
    let mut headers: Vec<(String, String)> = lines.filter_map(header).collect();
    headers.sort();
    Reply {
        status,
        headers,
        body: String::from_utf8_lossy(&bytes).into_owned(),
        bytes,
    }
}
