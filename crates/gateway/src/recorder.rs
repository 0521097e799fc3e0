//! The record: an intent before the provider is called, an outcome before the last byte of the answer is released. Both go into
//! the journal, whose settling makes rows and ledger entries of them.

use std::sync::Arc;

use bytes::Bytes;
use cultivar_record::{
    Commitment, EntryKind, ExchangeId, ExchangeOutcome, Intent, LedgerEntry, Salt, Verdict, canonical_json, digest_of,
    sorted_json,
};
use cultivar_store::{Frame, IntentFrame, OutcomeFrame, Staged, StoreError, tables};
use serde::Serialize;

use crate::{Caller, Gateway, GatewayError, Offer, forward::Call, retention};

/// When an answer may be released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Its record outlives this process. It is on the disk a moment later, many to a commit.
    #[default]
    Process,
    /// Its record is on the disk: it outlives a power cut.
    Disk,
}

impl Gateway {
    /// Records the intent; it is durable once it is written.
    ///
    /// # Errors
    /// `ledger_backpressure`: nothing was asked.
    pub(crate) fn record_intent(
        &self,
        caller: &Caller,
        offer: &Offer,
        verdict: &Verdict,
        call: &Call,
        attempt_of: Option<ExchangeId>,
    ) -> Result<(Arc<Intent>, Staged), GatewayError> {
        let kept = retention::keep(caller.organization.retention, &self.desensitiser, &call.body);
        let intent = Arc::new(Intent {
            api_key: caller.key.id,
            at: self.ambient.now(),
            attempt_of,
            conversation: call.conversation,
            endpoint: call.endpoint,
            id: ExchangeId::new(self.ambient.as_ref()),
            market: caller.market.clone(),
            model: offer.provider.model.clone(),
            organization: caller.organization.id,
            project: caller.key.project,
            provider: offer.provider.name.clone(),
            provider_model: offer.provider.provider_model.clone(),
            purpose: caller.key.purpose,
            request: kept.digest,
            terms: offer.terms.key.clone(),
            terms_digest: offer.terms_digest,
            verdict: verdict.id,
        });
        let (salt, text) = (Salt::new(self.ambient.as_ref()), sorted_json(&*intent)?);
        let entry = LedgerEntry::of(
            EntryKind::CallIntent,
            intent.organization,
            intent.id,
            Commitment::to_text(salt, &text),
            intent.at,
        )
        .with("terms", intent.terms_digest);
        let staged = self.journal.stage(Frame::Intent(Box::new(IntentFrame {
            intent: Arc::clone(&intent),
            text,
            salt,
            entry: sorted_json(&entry)?,
            prompt_key: call.prompt_key.clone(),
            body: kept.body,
        })))?;
        Ok((intent, staged))
    }

    /// Records the outcome; it is durable once it is written. Until then the last byte of the answer stays here.
    pub(crate) fn record_outcome(
        &self,
        intent: &Intent,
        outcome: ExchangeOutcome,
        body: Option<Bytes>,
    ) -> Result<Staged, GatewayError> {
        let (salt, at) = (Salt::new(self.ambient.as_ref()), self.ambient.now());
        let text = canonical_outcome(&outcome)?;
        // Canonical JSON of the exchange, its outcome and the time: the names are in order.
        let payload = format!(
            "{{\"ended_at\":\"{at}\",\"exchange\":\"{}\",\"outcome\":{text}}}",
            intent.id
        );
        let commitment = Commitment::to_text(salt, &payload);
        let entry = LedgerEntry::of(EntryKind::CallOutcome, intent.organization, intent.id, commitment, at);
        let frame = Frame::Outcome(Box::new(OutcomeFrame {
            exchange: intent.id,
            organization: intent.organization,
            outcome,
            text,
            salt,
            entry: sorted_json(&entry)?,
            at,
            body,
        }));
        Ok(self.journal.stage(frame)?)
    }

    /// Waits until an outcome is durable, on the disk where that was asked for.
    pub(crate) async fn released(&self, outcome: Staged) -> Result<(), GatewayError> {
        let frame = outcome.written().await?;
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Disk => Ok(self.journal.settled(frame).await?),
        }
    }

    /// Closes the exchanges that a killed process left open: their outcome is unknown. Returns how many.
    pub(crate) fn close_open_exchanges(&self) -> Result<usize, GatewayError> {
        let open = self.store.read(tables::exchange::open)?;
        for exchange in &open {
            self.record_outcome(&exchange.intent, ExchangeOutcome::Unknown, None)?
                .now()?;
        }
        self.journal.settle();
        Ok(open.len())
    }

    /// Makes a verdict durable: row and ledger entry in one transaction.
    pub(crate) async fn record_verdict(&self, verdict: Verdict) -> Result<(), GatewayError> {
        self.journal.caught_up().await?;
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
        let (blobs, text) = (self.blobs.clone(), canonical_json(body)?);
        let put = tokio::task::spawn_blocking(move || blobs.put_text(&text));
        Ok(put
            .await
            .map_err(|e| StoreError::Database { reason: e.to_string() })??)
    }
}

/// The canonical JSON of an outcome. The one that nearly every call has is written without sorting its fields first.
fn canonical_outcome(outcome: &ExchangeOutcome) -> Result<String, GatewayError> {
    #[derive(Serialize)]
    struct Answered<'a> {
        answer: &'a cultivar_record::Digest,
        cost: cultivar_record::MicroUsd,
        outcome: &'static str,
        provider_request_id: Option<&'a str>,
        usage: SortedUsage,
    }
    #[derive(Serialize)]
    struct SortedUsage {
        completion: cultivar_record::TokenCount,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        estimated: bool,
        prompt: cultivar_record::TokenCount,
    }
    let ExchangeOutcome::Answered {
        answer,
        usage,
        cost,
        provider_request_id,
    } = outcome
    else {
        return Ok(canonical_json(outcome)?);
    };
    let answered = Answered {
        answer,
        cost: *cost,
        outcome: outcome.name(),
        provider_request_id: provider_request_id.as_deref(),
        usage: SortedUsage {
            completion: usage.completion,
            estimated: usage.estimated,
            prompt: usage.prompt,
        },
    };
    let text = sorted_json(&answered)?;
    debug_assert_eq!(text, canonical_json(outcome)?, "an outcome has one canonical form");
    Ok(text)
}
