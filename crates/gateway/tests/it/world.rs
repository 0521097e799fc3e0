//! The visible world of one data directory, and its photograph.

use std::{fmt::Write as _, future::Future, sync::Arc};

use cultivar_attest::Checklists;
use cultivar_gateway::{
    Answer, AnswerEvent, Caller, Durability, Gateway, GatewayError, KeyHasher, LedgerFiles, NewProvider, Parts,
    Question, Registered,
};
use cultivar_ledger::{LogSigner, PublishedLog, VerifierKey, VerifyReport, verify_log};
use cultivar_policy::{Markets, Permits, Register, Settings};
use cultivar_record::{
    ExchangeId, ExchangeOutcome, LeafIndex, LedgerEntry, Organization, ProviderKind, Purpose, Standing, canonical_json,
    chat::{ChatRequest, Message, Role},
};
use cultivar_store::{DataDir, Sqlite, Store, tables};
use cultivar_testkit::{CountingAmbient, Script, ScriptedProvider, redact};
use miette::Diagnostic;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Terms that permit everything that the tests do.
pub(crate) const OPEN_TERMS: &str = "cc-by-4_0";
/// Terms that permit asking and keeping, but no training of a model that competes.
pub(crate) const RESTRICTED_TERMS: &str = "openai-services-2026-01-01";
/// The model's name at the gateway.
pub(crate) const MODEL: &str = "lecturer";
/// The variable that holds a provider's key.
pub(crate) const KEY_VARIABLE: &str = "SCRIPTED_KEY";

/// An organisation at the door of a data directory.
pub(crate) struct World {
    folder: TempDir,
    ambient: Arc<CountingAmbient>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) organization: Organization,
}

impl World {
    /// An organisation that has accepted nothing yet.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ambient = Arc::new(CountingAmbient::default());
        let gateway = open(&folder, &ambient).unwrap();
        let organization = gateway.create_organization("lab", "US".parse().unwrap()).await.unwrap();
        Self {
            folder,
            ambient,
            gateway,
            organization,
        }
    }

    /// An organisation that has accepted the open terms, under which a scripted provider answers.
    pub(crate) async fn with_provider(script: Script) -> (Self, ScriptedProvider) {
        let (world, provider) = (Self::new().await, ScriptedProvider::start(script).await.unwrap());
        world.accept(OPEN_TERMS).await;
        world.register(&provider, OPEN_TERMS).await;
        (world, provider)
    }

    /// The same directory, opened again by another process.
    pub(crate) fn opened_again(&self) -> Result<Arc<Gateway>, GatewayError> {
        open(&self.folder, &self.ambient)
    }

    /// A copy of the directory in another folder, opened.
    pub(crate) fn opened_at(&self, folder: TempDir) -> Self {
        Self {
            gateway: open(&folder, &self.ambient).unwrap(),
            folder,
            ambient: Arc::clone(&self.ambient),
            organization: self.organization.clone(),
        }
    }

    pub(crate) fn dir(&self) -> DataDir {
        DataDir::at(self.folder.path())
    }

    pub(crate) async fn accept(&self, terms: &str) -> Registered {
        self.gateway
            .accept_terms(&self.organization, &terms.parse().unwrap(), "Ann Example")
            .await
            .unwrap()
    }

    pub(crate) async fn register(&self, provider: &ScriptedProvider, terms: &str) -> Registered {
        self.gateway
            .register_provider(self.organization.id, at(provider.base_url(), terms))
            .await
            .unwrap()
    }

    pub(crate) async fn caller(&self, purpose: Purpose) -> Caller {
        let (_, key) = self
            .gateway
            .issue_key(&self.organization, purpose.as_str(), purpose)
            .await
            .unwrap();
        self.gateway.authenticate(&key).unwrap()
    }

    /// Asks a question that a person might ask.
    pub(crate) async fn ask(&self, caller: &Caller) -> Result<(ExchangeId, Answer), GatewayError> {
        self.gateway.complete(caller, question()).await
    }

    /// Asks for a stream.
    pub(crate) async fn ask_for_stream(&self, caller: &Caller) -> Result<mpsc::Receiver<AnswerEvent>, GatewayError> {
        match self.gateway.complete(caller, streaming(question())).await? {
            (_, Answer::Stream(events)) => Ok(events),
            (_, Answer::Whole(_)) => panic!("a stream was asked for"),
        }
    }

    /// Changes the organisation's standing as a case would.
    pub(crate) async fn put_in_standing(&self, standing: Standing) {
        let name = &self.organization.name;
        self.gateway.set_standing(name, standing, None).await.unwrap();
    }

    /// Publishes, and verifies the ledger from its files alone, as a stranger would.
    pub(crate) fn verified(&self) -> VerifyReport {
        self.gateway.publish().unwrap();
        verify(&self.dir())
    }

    /// The kinds of the ledger's entries, oldest first.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.entries().iter().map(|entry| entry.kind.name()).collect()
    }

    fn entries(&self) -> Vec<LedgerEntry> {
        let size = self.verified().size;
        let files = LedgerFiles::new(self.dir().ledger());
        let log = PublishedLog::new(size, &files);
        (0..size)
            .map(|leaf| serde_json::from_slice(&log.entry(LeafIndex(leaf)).unwrap()).unwrap())
            .collect()
    }

    /// Exchanges with their bodies, and the ledger: what differs from run to run is redacted.
    pub(crate) fn photograph(&self) -> String {
        let mut text = String::new();
        for exchange in self
            .gateway
            .store()
            .read(|tx| tables::exchange::page(tx, None, 100))
            .unwrap()
        {
            let intent = &exchange.intent;
            let state = exchange.outcome.as_ref().map_or("open", ExchangeOutcome::name);
            let _ = writeln!(
                text,
                "exchange: {} by {} as {}, {} under {}: {state}, leaves {} and {:?}",
                intent.model,
                intent.provider,
                intent.provider_model,
                intent.purpose,
                intent.terms,
                exchange.intent_leaf,
                exchange.outcome_leaf.map(|leaf| leaf.0),
            );
            let _ = writeln!(text, "  asked: {}", self.blob(&intent.request));
            let _ = writeln!(text, "  outcome: {}", canonical_json(&exchange.outcome).unwrap());
            if let Some(ExchangeOutcome::Answered { answer, .. } | ExchangeOutcome::Partial { answer, .. }) =
                &exchange.outcome
            {
                let _ = writeln!(text, "  answer: {}", self.blob(answer));
            }
        }
        for (leaf, entry) in self.entries().iter().enumerate() {
            let digests: Vec<&str> = entry.digests.keys().map(String::as_str).collect();
            let _ = writeln!(
                text,
                "leaf {leaf}: {} of {} {digests:?}",
                entry.kind.name(),
                entry.subject
            );
        }
        redact(&text)
    }

    fn blob(&self, digest: &cultivar_record::Digest) -> String {
        String::from_utf8(self.gateway.blobs().bytes(digest).unwrap()).unwrap()
    }
}

fn open(folder: &TempDir, ambient: &Arc<CountingAmbient>) -> Result<Arc<Gateway>, GatewayError> {
    let dir = DataDir::create(folder.path())?;
    Gateway::open(Parts {
        store: Arc::new(Store::open(Arc::new(Sqlite::new(dir.database())))?),
        dir,
        ambient: Arc::clone(ambient) as Arc<dyn cultivar_record::Ambient>,
        register: Register::shipped()?,
        permits: Permits::shipped(Settings::default())?,
        hasher: KeyHasher::new([1; 32]),
        signer: signer(),
        markets: Markets::shipped()?,
        checklists: Checklists::default(),
        surrogates: [3; 32],
        durability: Durability::Process,
        observers: Vec::new(),
        variable: Arc::new(|name| (name == KEY_VARIABLE).then(|| "sk-provider-secret".to_owned())),
    })
}

fn signer() -> LogSigner {
    LogSigner::from_secret("localhost/test/ledger", &[2; 32]).unwrap()
}

/// Verifies the published files of a ledger.
pub(crate) fn verify(dir: &DataDir) -> VerifyReport {
    let files = LedgerFiles::new(dir.ledger());
    let key: VerifierKey = files.verifier_key().unwrap().unwrap().trim().parse().unwrap();
    verify_log(&files.tree_head().unwrap().unwrap(), &key, &files).unwrap()
}

/// A provider of kind `openai` at an address.
pub(crate) fn at(base_url: &str, terms: &str) -> NewProvider {
    NewProvider {
        base_url: Some(base_url.to_owned()),
        price: cultivar_record::Price {
            prompt_per_million: cultivar_record::MicroUsd::new(2_000_000),
            completion_per_million: cultivar_record::MicroUsd::new(8_000_000),
        },
        ..NewProvider::plain(
            "scripted",
            ProviderKind::Openai,
            MODEL,
            "scripted-large",
            terms.parse().unwrap(),
        )
    }
}

pub(crate) fn question() -> Question {
    Question::alone(ChatRequest::plain(
        MODEL,
        vec![Message::text(Role::User, "why is the sky blue?")],
    ))
}

pub(crate) fn streaming(question: Question) -> Question {
    let request = ChatRequest {
        stream: Some(true),
        ..question.request
    };
    Question { request, ..question }
}

/// The code, the words and the advice of an error.
pub(crate) fn told(error: &GatewayError) -> String {
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    redact(&format!("{}: {error}\nhelp: {help}", error.code_text()))
}

/// What came through a stream: its texts, how it ended, and whether it failed.
pub(crate) async fn heard(mut events: mpsc::Receiver<AnswerEvent>) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(event) = events.recv().await {
        heard.push(match event {
            AnswerEvent::Chunk(chunk) => heard_of(&chunk),
            AnswerEvent::Failed(error) => told(&error),
        });
    }
    heard
}

pub(crate) fn heard_of(chunk: &cultivar_record::chat::Chunk) -> String {
    match (chunk.choices.first(), &chunk.usage) {
        (Some(choice), _) => match &choice.finish_reason {
            None => choice.delta.content.clone().unwrap_or_default(),
            Some(reason) => format!("({reason})"),
        },
        (None, usage) => format!(
            "(usage: {})",
            usage.as_ref().map_or(0, |usage| usage.total_tokens.get())
        ),
    }
}

/// Waits for something that a test wants to happen, instead of for ever.
pub(crate) async fn soon<T>(happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(20), happens)
        .await
        .expect("it should have happened by now")
}
