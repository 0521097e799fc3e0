//! The door with whatever providers, organisations and keys a test needs, and what it holds of every exchange afterwards.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use cultivar_attest::Checklists;
use cultivar_gateway::{Durability, Gateway, KeyHasher, NewKey, NewProvider, Observer, Parts};
use cultivar_ledger::LogSigner;
use cultivar_policy::{Markets, Permits, Register, Settings};
use cultivar_record::{Ambient, Exchange, ExchangeOutcome, MicroUsd, Organization, Price, ProviderKind, Purpose};
use cultivar_store::{DataDir, Sqlite, Store, tables};
use cultivar_telemetry::Telemetry;
use cultivar_testkit::{CountingAmbient, RawProvider, Step};
use cultivar_web::{App, Patience, Site, router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinSet};

use crate::{
    client::{self, Open, Whole},
    site::{listen, telemetry},
};

pub(crate) const MODEL: &str = "lecturer";
/// Terms that permit everything that the tests do.
pub(crate) const TERMS: &str = "cc-by-4_0";
/// What a provider answers where it does not matter.
pub(crate) const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"large","choices":[{"index":0,"message":{"role":"assistant","content":"Rayleigh."},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}"#;

/// A server over a data directory, stopped when it is dropped.
pub(crate) struct Door {
    folder: Arc<TempDir>,
    pub(crate) ambient: Arc<CountingAmbient>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) organization: Organization,
    /// A key of the organisation for serving.
    pub(crate) key: String,
    pub(crate) address: SocketAddr,
    server: JoinSet<()>,
    stop: oneshot::Sender<()>,
}

impl Door {
    /// One organisation, in the US, that has accepted the open terms.
    pub(crate) async fn open() -> Self {
        Self::with_patience(Patience::default()).await
    }

    pub(crate) async fn with_patience(patience: Patience) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::at(folder, Arc::new(CountingAmbient::default()), patience, telemetry()).await
    }

    /// One that is counted and traced by somebody else.
    pub(crate) async fn seen_by(telemetry: Arc<Telemetry>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let ambient = Arc::new(CountingAmbient::default());
        Self::at(folder, ambient, Patience::default(), telemetry).await
    }

    async fn at(
        folder: Arc<TempDir>,
        ambient: Arc<CountingAmbient>,
        patience: Patience,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let dir = DataDir::create(folder.path()).unwrap();
        let gateway = gateway(&dir, &ambient, &telemetry);
        let organization = gateway.create_organization("lab", "US".parse().unwrap()).await.unwrap();
        accept(&gateway, &organization, TERMS).await;
        let (_, key) = gateway.issue_key(&organization, "k", Purpose::Serve).await.unwrap();
        let app = App {
            gateway: Arc::clone(&gateway),
            telemetry: Arc::clone(&telemetry),
            dir,
            page_caller: gateway.authenticate(&key).unwrap(),
            page_model: MODEL.to_owned(),
            page_examples: Vec::new(),
        };
        let site = Site::new(app.clone(), router(app)).with_patience(patience);
        let (address, server, stop) = listen(site).await;
        Self {
            folder,
            ambient,
            gateway,
            telemetry,
            organization,
            key,
            address,
            server,
            stop,
        }
    }

    /// The same directory, served by another process.
    pub(crate) async fn again(self) -> Self {
        let (folder, ambient) = (Arc::clone(&self.folder), Arc::clone(&self.ambient));
        let _ = self.stop.send(());
        self.server.join_all().await;
        self.gateway.tasks().drain().await;
        drop(self.gateway);
        Self::at(folder, ambient, Patience::default(), telemetry()).await
    }

    pub(crate) fn dir(&self) -> DataDir {
        DataDir::at(self.folder.path())
    }

    /// Registers a provider of the model, changed as the test wants it.
    pub(crate) async fn register(&self, name: &str, at: &RawProvider, change: impl FnOnce(&mut NewProvider)) {
        let terms = TERMS.parse().unwrap();
        let mut new = NewProvider {
            base_url: Some(at.base_url().to_owned()),
            price: price(2, 8),
            ..NewProvider::plain(name, ProviderKind::Openai, MODEL, "large", terms)
        };
        change(&mut new);
        self.gateway.register_provider(self.organization.id, new).await.unwrap();
    }

    /// Issues a key for serving, changed as the test wants it.
    pub(crate) async fn issue(&self, organization: &Organization, change: impl FnOnce(&mut NewKey)) -> String {
        let mut new = NewKey::plain("more", Purpose::Serve);
        change(&mut new);
        self.gateway.issue(organization, new).await.unwrap().1
    }

    /// Another organisation that has accepted the open terms, and a key of it.
    pub(crate) async fn organization(&self, name: &str, market: &str) -> (Organization, String) {
        let organization = self
            .gateway
            .create_organization(name, market.parse().unwrap())
            .await
            .unwrap();
        accept(&self.gateway, &organization, TERMS).await;
        let key = self.issue(&organization, |_| ()).await;
        (organization, key)
    }

    pub(crate) async fn accept(&self, organization: &Organization, terms: &str) {
        accept(&self.gateway, organization, terms).await;
    }

    /// Asks for the beginning of a response.
    pub(crate) async fn begin_with(&self, key: &str, headers: &[(&str, &str)], body: &Value) -> std::io::Result<Open> {
        let bearer = format!("Bearer {key}");
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        let body = body.to_string();
        let stream = client::request(self.address, "/v1/chat/completions", &all, body.as_bytes()).await?;
        client::response(stream).await
    }

    pub(crate) async fn begin(&self, body: &Value) -> Open {
        self.begin_with(&self.key, &[], body).await.unwrap()
    }

    pub(crate) async fn ask_with(&self, key: &str, body: &Value) -> Whole {
        let open = self.begin_with(key, &[], body).await.unwrap();
        open.whole().await.unwrap()
    }

    /// Asks and hears the whole answer.
    pub(crate) async fn ask(&self, body: &Value) -> Whole {
        self.ask_with(&self.key, body).await
    }

    /// Every exchange, oldest first.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        let store = self.gateway.store();
        store.read(|tx| tables::exchange::page(tx, None, u32::MAX)).unwrap()
    }

    /// Provider and outcome of every exchange, oldest first; of a failure its code.
    pub(crate) fn outcomes(&self) -> Vec<(String, String)> {
        let exchanges = self.exchanges().into_iter();
        exchanges
            .map(|exchange| {
                let told = match &exchange.outcome {
                    None => "open".to_owned(),
                    Some(ExchangeOutcome::Failed { failure }) => failure.code.clone(),
                    Some(other) => other.name().to_owned(),
                };
                (exchange.intent.provider, told)
            })
            .collect()
    }

    /// The body that was kept under the answer's digest.
    pub(crate) fn answer_of(&self, exchange: &Exchange) -> Vec<u8> {
        let answer = exchange.outcome.as_ref().and_then(ExchangeOutcome::answer).unwrap();
        self.gateway.blobs().bytes(&answer).unwrap()
    }

    /// Waits until every exchange has ended, for those that end after their client has left.
    pub(crate) async fn until_ended(&self) {
        soon(async {
            while self.exchanges().iter().any(|exchange| exchange.outcome.is_none()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

async fn accept(gateway: &Gateway, organization: &Organization, terms: &str) {
    gateway
        .accept_terms(organization, &terms.parse().unwrap(), "Ann Example")
        .await
        .unwrap();
}

fn gateway(dir: &DataDir, ambient: &Arc<CountingAmbient>, telemetry: &Arc<Telemetry>) -> Arc<Gateway> {
    Gateway::open(Parts {
        store: Arc::new(Store::open(Arc::new(Sqlite::new(dir.database()))).unwrap()),
        dir: dir.clone(),
        ambient: Arc::clone(ambient) as Arc<dyn Ambient>,
        register: Register::shipped().unwrap(),
        permits: Permits::shipped(Settings::default()).unwrap(),
        hasher: KeyHasher::new([1; 32]),
        signer: LogSigner::from_secret("localhost/test/ledger", &[2; 32]).unwrap(),
        markets: Markets::shipped().unwrap(),
        checklists: Checklists::shipped().unwrap(),
        surrogates: [3; 32],
        durability: Durability::Process,
        observers: vec![Arc::clone(telemetry) as Arc<dyn Observer>],
        variable: Arc::new(|_| Some("sk-provider-secret".to_owned())),
    })
    .unwrap()
}

/// A price in dollars per million tokens of prompt and answer.
pub(crate) fn price(prompt: i64, completion: i64) -> Price {
    Price {
        prompt_per_million: MicroUsd::new(prompt * 1_000_000),
        completion_per_million: MicroUsd::new(completion * 1_000_000),
    }
}

/// A question that a person might ask.
pub(crate) fn question() -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": "why is the sky blue?" }] })
}

/// The same, as a stream.
pub(crate) fn streaming() -> Value {
    let mut body = question();
    body["stream"] = true.into();
    body
}

/// A chunk with a piece of text.
pub(crate) fn piece(text: &str) -> String {
    let choice = json!({ "index": 0, "delta": { "content": text }, "finish_reason": null });
    let chunk =
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "large", "choices": [choice] });
    format!("data: {chunk}\n\n")
}

/// A provider that answers every call alike.
pub(crate) async fn provider(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> RawProvider {
    RawProvider::start(move |_, _| steps()).await.unwrap()
}

/// A provider that answers.
pub(crate) async fn good() -> RawProvider {
    provider(|| vec![Step::answer(200, "application/json", ANSWER)]).await
}

/// A provider that streams these bytes, each slice by itself.
pub(crate) fn stream_of(slices: &[&[u8]]) -> Vec<Step> {
    let mut steps = vec![Step::stream_head()];
    steps.extend(slices.iter().map(|slice| Step::chunk(slice)));
    steps.push(Step::stream_end());
    steps
}

/// Waits for something that a test wants to happen, instead of for ever.
pub(crate) async fn soon<T>(happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), happens)
        .await
        .expect("it should have happened by now")
}
