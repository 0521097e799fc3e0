//! One attempt: a call whose intent is durable and whose outcome is owed. However it ends, and be it that nobody waits for it any
//! more, the outcome is recorded, metered, and told to health and observers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use cultivar_dialect::Sign;
use cultivar_limits::{
    health::{Attempt, Outcome},
    rates::Reservation,
};
use cultivar_record::{ExchangeOutcome, Failure, Intent, MicroUsd, Timestamp, TokenCount, Trace, Usage};
use cultivar_store::Staged;

use crate::{Gateway, GatewayError, Offer, meter, observe::Seen, retention};

/// A call under way.
pub(crate) struct UnderWay {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) offer: Arc<Offer>,
    pub(crate) intent: Arc<Intent>,
    pub(crate) stream: bool,
    /// What is reserved for it; settled with what it used.
    pub(crate) reservation: Option<Reservation>,
    /// How many bytes the request has.
    pub(crate) request_bytes: u64,
    /// The trace of the request, where whoever asked has one.
    pub(crate) trace: Option<Trace>,
    /// When the request came.
    pub(crate) asked_at: Timestamp,
    /// Says that it is under way.
    _open: Arc<()>,
    /// The intent, until it is durable.
    staged: Option<Staged>,
    retention: cultivar_record::Retention,
    admitted: Option<Attempt>,
    first_byte_at: Option<Timestamp>,
    ended: bool,
}

/// What came of a call.
pub(crate) struct Came {
    /// The answer's bytes, as far as they came.
    pub(crate) body: Bytes,
    /// What the provider counted.
    pub(crate) usage: Option<Usage>,
    /// Pieces of text that came, for what no provider counted.
    pub(crate) pieces: u64,
    /// The provider's own request id.
    pub(crate) request_id: Option<String>,
}

impl UnderWay {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        offer: Arc<Offer>,
        (intent, staged): (Arc<Intent>, Staged),
        admitted: Attempt,
        (stream, request_bytes, retention): (bool, u64, cultivar_record::Retention),
    ) -> Self {
        Self {
            asked_at: intent.at,
            trace: None,
            _open: Arc::clone(&gateway.open_calls),
            staged: Some(staged),
            gateway,
            offer,
            intent,
            stream,
            reservation: None,
            request_bytes,
            retention,
            admitted: Some(admitted),
            first_byte_at: None,
            ended: false,
        }
    }

    /// The answer begins: the provider did its part so far. Counts once.
    pub(crate) fn begins_to_answer(&mut self) {
        if self.first_byte_at.is_some() {
            return;
        }
        let now = self.gateway.ambient.now();
        self.first_byte_at = Some(now);
        let micros = now.micros().saturating_sub(self.intent.at.micros()).max(0);
        let waited = Duration::from_micros(micros.unsigned_abs());
        self.tell_health(Outcome::Answered, Some(waited.as_secs_f64() * 1_000.0), now);
    }

    /// Records a whole answer; it is durable once it is written.
    pub(crate) fn answered(&mut self, came: Came) -> Result<Staged, GatewayError> {
        let (answer, body, usage, cost) = self.bill(&came);
        let outcome = ExchangeOutcome::Answered {
            answer,
            usage,
            cost,
            provider_request_id: came.request_id,
        };
        self.end(outcome, body)
    }

    /// Records an answer that broke off: what had come is billed.
    pub(crate) fn broke_off(&mut self, came: Came) -> Result<Staged, GatewayError> {
        let (answer, body, usage, cost) = self.bill(&came);
        let outcome = ExchangeOutcome::Partial {
            answer,
            usage,
            cost,
            provider_request_id: came.request_id,
        };
        self.end(outcome, body)
    }

    /// Records that nothing came; returns the error that the caller is told.
    pub(crate) fn failed(&mut self, error: GatewayError) -> GatewayError {
        match self.record_failure(&error).and_then(|staged| Ok(staged.now()?)) {
            Ok(_) => error,
            Err(worse) => worse,
        }
    }

    /// Records that nothing came.
    pub(crate) fn record_failure(&mut self, error: &GatewayError) -> Result<Staged, GatewayError> {
        self.hear(error);
        let failure = error.failure();
        self.end(ExchangeOutcome::Failed { failure }, None)
    }

    /// Hears what an error says about the provider: whether it is well, and whether it still serves us.
    pub(crate) fn hear(&mut self, error: &GatewayError) {
        if let Some(outcome) = fault(error) {
            self.tell_health(outcome, None, self.gateway.ambient.now());
        }
        if let GatewayError::Refused(refusal) = error {
            self.gateway.hear(&self.intent, refusal);
        }
    }

    fn bill(&self, came: &Came) -> (cultivar_record::Digest, Option<Bytes>, Usage, MicroUsd) {
        let usage = came
            .usage
            .unwrap_or_else(|| meter::estimate(self.request_bytes, came.pieces));
        let cost = meter::charge(usage, self.offer.provider.price);
        let kept = retention::keep(self.retention, &self.gateway.desensitiser, &came.body);
        (kept.digest, kept.body, usage, cost)
    }

    fn end(&mut self, outcome: ExchangeOutcome, body: Option<Bytes>) -> Result<Staged, GatewayError> {
        self.ended = true;
        let (usage, cost) = outcome.bill();
        let seen = Seen {
            intent: &self.intent,
            provider_kind: self.offer.provider.kind.as_str(),
            base_url: self.offer.provider.base_url.as_deref(),
            stream: self.stream,
            outcome: outcome.name(),
            error: match &outcome {
                ExchangeOutcome::Failed { failure } => Some(&failure.code),
                _ => None,
            },
            usage,
            cost,
            trace: self.trace,
            asked_at: self.asked_at,
            first_byte_at: self.first_byte_at,
            ended_at: self.gateway.ambient.now(),
        };
        for observer in &self.gateway.observers {
            observer.ended(&seen);
        }
        let now = seen.ended_at;
        // Where nothing was said about the provider, its breaker must not wait for this attempt.
        self.tell_health(Outcome::Abandoned, None, now);
        let recorded = self.gateway.record_outcome(&self.intent, outcome, body);
        if let Some(reservation) = self.reservation.take() {
            let tokens = TokenCount::new(usage.prompt.get().saturating_add(usage.completion.get()));
            let alerts = reservation.settle(tokens, cost, now);
            self.gateway.alert(self.intent.organization, alerts);
        }
        recorded
    }

    fn tell_health(&mut self, outcome: Outcome, first_byte_ms: Option<f64>, now: Timestamp) {
        if let Some(attempt) = self.admitted.take() {
            let provider = self.offer.provider.id;
            self.gateway
                .health
                .record(provider, attempt, outcome, first_byte_ms, now);
        }
    }
}

impl UnderWay {
    /// Waits until the intent is durable.
    ///
    /// # Errors
    /// `store::disk_full`, `store::file`: then nothing may be asked, and nothing is owed.
    pub(crate) async fn begins(&mut self) -> Result<(), GatewayError> {
        // Others may share the write: see `Staged`.
        tokio::task::yield_now().await;
        self.make_durable()
    }

    fn make_durable(&mut self) -> Result<(), GatewayError> {
        let Some(staged) = self.staged.take() else {
            return Ok(());
        };
        if let Err(error) = staged.now() {
            self.ended = true;
            // Nothing was asked, so nothing is known of the provider.
            self.tell_health(Outcome::Abandoned, None, self.gateway.ambient.now());
            return Err(error.into());
        }
        Ok(())
    }
}

impl Drop for UnderWay {
    /// Whoever asked has left before anything came.
    fn drop(&mut self) {
        if self.make_durable().is_ok() && !self.ended {
            let failure = Failure {
                code: "client_left".to_owned(),
                status: None,
            };
            // Nobody is left who could be told that this failed; the exchange then stays open, and a restart closes it.
            let _ = self.end(ExchangeOutcome::Failed { failure }, None);
        }
    }
}

/// What a failure says about the provider's health; nothing where it is not the provider's fault.
fn fault(error: &GatewayError) -> Option<Outcome> {
    match error {
        GatewayError::Unreachable { .. } | GatewayError::Malformed { .. } | GatewayError::ModelFailed { .. } => {
            Some(Outcome::Failed)
        }
        GatewayError::Refused(refusal) => match refusal.sign {
            Sign::Overloaded | Sign::Unavailable => Some(Outcome::Failed),
            _ => Some(Outcome::Answered),
        },
        _ => None,
    }
}
