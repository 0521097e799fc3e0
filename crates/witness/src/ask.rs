//! Asks the witnesses of a log about its newest tree head, and publishes what they cosign.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use cultivar_gateway::{
    Gateway, LedgerFiles,
    providers::http::{self, HttpClient},
};
use cultivar_ledger::{AddCheckpoint, PublishedLog, TreeHead, VerifierKey, WitnessKey, with_cosignatures};
use cultivar_store::tables;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, Uri, http::uri::InvalidUri};

use crate::WitnessError;

/// How often the newest tree head is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// After how many looks a witness that did not answer is asked again.
const LOOKS_BETWEEN: u32 = 15;

/// A witness that is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its key.
    pub key: WitnessKey,
    /// Where it answers.
    add_checkpoint: Uri,
}

impl Asked {
    /// A witness behind a URL, to which `/add-checkpoint` is appended.
    ///
    /// # Errors
    /// Why the URL is none.
    pub fn new(key: WitnessKey, url: &str) -> Result<Self, InvalidUri> {
        let add_checkpoint = format!("{}/add-checkpoint", url.trim_end_matches('/')).parse()?;
        Ok(Self { key, add_checkpoint })
    }
}

/// Has each new tree head cosigned until told to stop. What goes wrong is told once, until that witness cosigns again; the ledger
/// goes on without it.
pub async fn keep_cosigned(
    gateway: Arc<Gateway>,
    witnesses: Vec<Asked>,
    stop: impl Future<Output = ()>,
    on_error: impl Fn(WitnessError),
) {
    let mut round = Round {
        gateway,
        http: HttpClient::default(),
        known: BTreeMap::new(),
        silent: BTreeMap::new(),
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        for witness in &witnesses {
            round.have_cosigned(witness, &on_error).await;
        }
        if tokio::time::timeout(EVERY, &mut stop).await.is_ok() {
            return;
        }
    }
}

struct Round {
    gateway: Arc<Gateway>,
    http: HttpClient,
    /// The size that each witness knows.
    known: BTreeMap<String, u64>,
    /// Witnesses that did not answer, and for how many looks they are left alone.
    silent: BTreeMap<String, u32>,
}

impl Round {
    async fn have_cosigned(&mut self, witness: &Asked, on_error: &impl Fn(WitnessError)) {
        let name = witness.key.name().to_owned();
        if let Some(left) = self.silent.get_mut(&name)
            && *left > 0
        {
            *left -= 1;
            return;
        }
        match self.cosign(witness).await {
            Ok(()) => {
                self.silent.remove(&name);
            }
            Err(error) => {
                if self.silent.insert(name, LOOKS_BETWEEN).is_none() {
                    on_error(error);
                }
            }
        }
    }

    async fn cosign(&mut self, witness: &Asked) -> Result<(), WitnessError> {
        let row = self.gateway.store().read(tables::ledger::head)?;
        if row.published_size == 0 || witness.key.cosigned_at(&row.note).is_ok() {
            return Ok(());
        }
        let line = self.line(witness, &row.note).await?;
        let cosigned = with_cosignatures(&row.note, &line)?;
        witness.key.cosigned_at(&cosigned)?;
        let (gateway, size) = (Arc::clone(&self.gateway), row.published_size);
        let published = tokio::task::spawn_blocking(move || {
            // Where the log has grown meanwhile, the next tree head is asked about.
            let write =
                move |tx: &mut dyn cultivar_store::Statements| tables::ledger::publish(tx, size, size, &cosigned);
            if gateway.store().write_blocking(write)? {
                gateway.publish()?;
            }
            Ok::<_, WitnessError>(())
        });
        published.await.unwrap_or(Ok(()))
    }

    /// What the witness says of a tree head. The size that it knows is learned from its refusal, once.
    async fn line(&mut self, witness: &Asked, note: &str) -> Result<String, WitnessError> {
        let name = witness.key.name();
        let files = LedgerFiles::new(self.gateway.dir().ledger());
        let key: VerifierKey = files.verifier_key()?.unwrap_or_default().parse()?;
        let head = TreeHead::open(note, &key)?;
        let mut old = self.known.get(name).copied().unwrap_or(0).min(head.size);
        for _ in 0..2 {
            let proof = PublishedLog::new(head.size, &files).consistency_proof(old, head.size)?;
            let question = AddCheckpoint {
                old,
                proof: proof.path,
                tree_head: note.to_owned(),
            };
            let (status, said) = self.ask(witness, &question).await?;
            let forked = |known| WitnessError::Forked {
                name: name.to_owned(),
                known,
                size: head.size,
            };
            match status {
                StatusCode::OK => {
                    self.known.insert(name.to_owned(), head.size);
                    return Ok(said);
                }
                StatusCode::CONFLICT => match said.trim().parse() {
                    Ok(known) if known < head.size && known != old => old = known,
                    Ok(known) => return Err(forked(known)),
                    Err(_) => return Err(unanswered(name, "it answers 409 without a size")),
                },
                StatusCode::UNPROCESSABLE_ENTITY => return Err(forked(old)),
                status => return Err(unanswered(name, &format!("it answers {status}: {}", said.trim()))),
            }
        }
        Err(unanswered(name, "it names one size after the other"))
    }

    async fn ask(&self, witness: &Asked, question: &AddCheckpoint) -> Result<(StatusCode, String), WitnessError> {
        let name = witness.key.name();
        let mut request = Request::new(Full::new(Bytes::from(question.to_string())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = witness.add_checkpoint.clone();
        let failed = |error: cultivar_gateway::GatewayError| unanswered(name, &error.to_string());
        let answer = self.http.send(name, request).await.map_err(failed)?;
        let status = answer.status();
        let body = http::read(name, answer.into_body()).await.map_err(failed)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

fn unanswered(name: &str, reason: &str) -> WitnessError {
    WitnessError::Unanswered {
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}
