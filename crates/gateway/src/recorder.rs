//! The record: an intent before the provider is called, an outcome before the last byte of the answer is released.

use cultivar_record::{
    EntryKind, Exchange, ExchangeId, ExchangeOutcome, Intent, LedgerEntry, OrganizationId, Salt, Timestamp, Verdict,
    digest_of,
};
use cultivar_store::{Statements, StoreError, tables};
use serde::Serialize;

use crate::{Caller, Gateway, GatewayError, Question, Route};

/// What the ledger's entry about an outcome commits to.
#[derive(Serialize)]
struct OutcomePayload<'a> {
    exchange: ExchangeId,
    outcome: &'a ExchangeOutcome,
    ended_at: Timestamp,
}

impl Gateway {
    /// Makes the intent durable: row and ledger entry in one transaction.
    pub(crate) async fn record_intent(
        &self,
        caller: &Caller,
        route: &Route,
        verdict: &Verdict,
        question: &Question,
    ) -> Result<Intent, GatewayError> {
        let intent = Intent {
            id: ExchangeId::new(self.ambient.as_ref()),
            organization: caller.organization.id,
            api_key: caller.key.id,
            market: caller.organization.market.clone(),
            purpose: caller.key.purpose,
            conversation: question.conversation,
            model: question.request.model.clone(),
            provider: route.provider.name.clone(),
            provider_model: route.provider.provider_model.clone(),
            terms: route.terms.key.clone(),
            terms_digest: route.terms_digest,
            verdict: verdict.id,
            request: self.put_blob(&question.request).await?,
            at: self.ambient.now(),
        };
        let salt = Salt::new(self.ambient.as_ref());
        let entry = LedgerEntry::new(
            EntryKind::CallIntent,
            intent.organization,
            intent.id,
            salt,
            &intent,
            intent.at,
        )?
        .with("terms", intent.terms_digest);
        let (row, prompt_key) = (intent.clone(), question.prompt_key.clone());
        self.store
            .write(move |tx| {
                let leaf = tables::ledger::append(tx, &entry)?;
                tables::exchange::insert_intent(tx, &row, salt, leaf, prompt_key.as_deref())
            })
            .await?;
        Ok(intent)
    }

    /// Makes the outcome durable. Until this returns, the last byte of the answer stays here.
    pub(crate) async fn record_outcome(&self, intent: &Intent, outcome: ExchangeOutcome) -> Result<(), GatewayError> {
        let (id, organization) = (intent.id, intent.organization);
        let (salt, at) = (Salt::new(self.ambient.as_ref()), self.ambient.now());
        self.store
            .write(move |tx| write_outcome(tx, id, organization, &outcome, salt, at))
            .await?;
        Ok(())
    }

    /// Closes the exchanges that a killed process left open: their outcome is unknown. Returns how many.
    pub(crate) fn close_open_exchanges(&self) -> Result<usize, GatewayError> {
        let open: Vec<Exchange> = self.store.read(tables::exchange::open)?;
        for Exchange { intent, .. } in &open {
            let (id, organization) = (intent.id, intent.organization);
            let (salt, at) = (Salt::new(self.ambient.as_ref()), self.ambient.now());
            self.store
                .write_blocking(move |tx| write_outcome(tx, id, organization, &ExchangeOutcome::Unknown, salt, at))?;
        }
        Ok(open.len())
    }

    /// Makes a verdict durable: row and ledger entry in one transaction.
    pub(crate) async fn record_verdict(&self, verdict: Verdict) -> Result<(), GatewayError> {
        let salt = Salt::new(self.ambient.as_ref());
        let entry = LedgerEntry::new(
            EntryKind::Decision,
            verdict.organization,
            verdict.id,
            salt,
            &verdict,
            verdict.at,
        )?
        .with("terms", verdict.terms_digest)
        .with("policies", verdict.policies)
        .with("verdict", digest_of(&verdict)?);
        self.store
            .write(move |tx| {
                tables::ledger::append_with_salt(tx, &entry, salt)?;
                tables::verdict::insert(tx, &verdict)
            })
            .await?;
        Ok(())
    }

    pub(crate) async fn put_blob<T: Serialize>(&self, body: &T) -> Result<cultivar_record::Digest, GatewayError> {
        let (blobs, text) = (self.blobs.clone(), cultivar_record::canonical_json(body)?);
        let put = tokio::task::spawn_blocking(move || blobs.put_text(&text));
        Ok(put
            .await
            .map_err(|e| StoreError::Database { reason: e.to_string() })??)
    }
}

fn write_outcome(
    tx: &mut dyn Statements,
    id: ExchangeId,
    organization: OrganizationId,
    outcome: &ExchangeOutcome,
    salt: Salt,
    at: Timestamp,
) -> Result<(), StoreError> {
    let payload = OutcomePayload {
        exchange: id,
        outcome,
        ended_at: at,
    };
    let entry = LedgerEntry::new(EntryKind::CallOutcome, organization, id, salt, &payload, at)?;
    let leaf = tables::ledger::append(tx, &entry)?;
    tables::exchange::insert_outcome(tx, id, outcome, salt, leaf, at)
}
