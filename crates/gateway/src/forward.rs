//! The page: one request through the door.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use cultivar_dialect::{
    Envelope, Refusal, Sign,
    scan::{self, Facts},
};
use cultivar_limits::{
    backoff,
    health::{Admission, Outcome},
    rates::{Estimate, HolderId, RateState, Reservation},
};
use cultivar_record::{ConversationId, Endpoint, ExchangeId, Timestamp, TokenCount, Trace};
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::oneshot;

use crate::{
    AnswerStream, Caller, Gateway, GatewayError, Offer,
    attempt::{Came, UnderWay},
    meter,
    providers::{ProviderCall, Reply, ReplyBody},
};

/// Most attempts at one question, over all its candidates.
const MOST_ATTEMPTS: u32 = 4;

/// One request: bytes of an endpoint of OpenAI's API.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// The request's JSON, as the client sent it.
    pub body: Bytes,
    /// The conversation that it belongs to, where the caller keeps one.
    pub conversation: Option<ConversationId>,
    /// Names the same question of the same conversation, so that it need not be asked twice.
    pub prompt_key: Option<String>,
    /// The trace that it belongs to, where whoever asks has one.
    pub trace: Option<Trace>,
}

impl Call {
    /// A request that stands alone.
    pub const fn alone(endpoint: Endpoint, body: Bytes) -> Self {
        Self {
            endpoint,
            body,
            conversation: None,
            prompt_key: None,
            trace: None,
        }
    }
}

/// What leaves through the door.
pub struct Forwarded {
    /// The exchange that was answered.
    pub exchange: ExchangeId,
    /// How the caller's limits stand.
    pub rate: RateState,
    /// The answer.
    pub body: ForwardedBody,
}

/// An answer, in the provider's bytes.
pub enum ForwardedBody {
    /// Whole: its outcome is recorded.
    Whole(Bytes),
    /// As it comes. What ends it comes once its outcome is recorded; dropping it cancels the call.
    Stream(Box<AnswerStream>),
}

impl Gateway {
    /// Answers a request: reads its envelope, decides, routes, reserves, records the intent, asks, meters, records the outcome.
    ///
    /// # Errors
    /// Whatever [`GatewayError`] names; a refusal by policy or by limits comes before anything is sent.
    pub async fn forward(self: &Arc<Self>, caller: &Caller, call: &Call) -> Result<Forwarded, GatewayError> {
        let asked_at = self.ambient.now();
        let forwarded = self.answer(caller, call, asked_at).await;
        if let Err(error) = &forwarded {
            self.tell_unanswered(Some(call.endpoint), error, asked_at);
        }
        forwarded
    }

    async fn answer(
        self: &Arc<Self>,
        caller: &Caller,
        call: &Call,
        asked_at: Timestamp,
    ) -> Result<Forwarded, GatewayError> {
        let envelope = Envelope::read(call.endpoint, &call.body)?;
        let candidates = self.candidates(caller, &envelope.model, asked_at).await?;
        if candidates.iter().any(|offer| offer.provider.bills_cancelled) {
            return self.see_through(caller, call, candidates, asked_at).await;
        }
        self.ask_in_turn(caller, call, &envelope, &candidates, asked_at).await
    }

    /// As the page, on a task of its own: a provider that bills what is cancelled is heard to its end, whoever has left.
    async fn see_through(
        self: &Arc<Self>,
        caller: &Caller,
        call: &Call,
        candidates: Vec<Arc<Offer>>,
        asked_at: Timestamp,
    ) -> Result<Forwarded, GatewayError> {
        let (reply, answer) = oneshot::channel();
        let (gateway, caller, call) = (Arc::clone(self), caller.clone(), call.clone());
        self.tasks.spawn(async move {
            let forwarded = match Envelope::read(call.endpoint, &call.body) {
                Ok(envelope) => {
                    let asked = gateway.ask_in_turn(&caller, &call, &envelope, &candidates, asked_at);
                    asked.await
                }
                Err(error) => Err(error.into()),
            };
            let _ = reply.send(forwarded);
        });
        answer.await.map_err(|_| GatewayError::Stopped)?
    }

    /// Asks one candidate after the other until one answers.
    async fn ask_in_turn(
        self: &Arc<Self>,
        caller: &Caller,
        call: &Call,
        envelope: &Envelope<'_>,
        candidates: &[Arc<Offer>],
        asked_at: Timestamp,
    ) -> Result<Forwarded, GatewayError> {
        let mut reservation = Some(self.reserve(caller, envelope, candidates)?);
        let rate = reservation.as_ref().map(Reservation::state).unwrap_or_default();
        self.retries.earn();
        let mut first = None;
        let mut last = None;
        let mut attempts = 0;
        for offer in candidates {
            let mut again = true;
            while again && attempts < MOST_ATTEMPTS {
                let Some(mut under_way) = self.begin(caller, offer, call, first).await? else {
                    break;
                };
                (under_way.asked_at, under_way.trace) = (asked_at, call.trace);
                first = first.or(Some(under_way.intent.id));
                let exchange = under_way.intent.id;
                match self.attempt(under_way, call, envelope, &mut reservation).await {
                    Ok(body) => return Ok(Forwarded { exchange, rate, body }),
                    Err(error) if !may_go_on(&error) => return Err(error),
                    Err(error) => {
                        again = self.pause(attempts, &error, candidates.len() == 1).await;
                        last = Some(error);
                    }
                }
                attempts += 1;
            }
        }
        Err(last.unwrap_or_else(|| GatewayError::NobodyHealthy {
            model: envelope.model.to_string(),
        }))
    }

    /// Reserves what the call will use at most, at the candidate that charges most.
    fn reserve(
        &self,
        caller: &Caller,
        envelope: &Envelope<'_>,
        candidates: &[Arc<Offer>],
    ) -> Result<Reservation, GatewayError> {
        let (prompt, answer) = envelope.estimate();
        let costs = candidates
            .iter()
            .map(|offer| meter::price_of(prompt, answer, offer.provider.price));
        let estimate = Estimate {
            tokens: TokenCount::new(prompt.get().saturating_add(answer.get())),
            cost: costs.max().unwrap_or_default(),
        };
        let key = [(HolderId::ApiKey(caller.key.id), &caller.key.limit)];
        let project = caller
            .project
            .iter()
            .map(|project| (HolderId::Project(project.id), &project.limit));
        let organization = (
            HolderId::Organization(caller.organization.id),
            &caller.organization.limit,
        );
        let holders: Vec<_> = key.into_iter().chain(project).chain([organization]).collect();
        let limited = holders.iter().any(|(_, limit)| !limit.is_none());
        let holders = if limited { holders.as_slice() } else { &[] };
        self.limits
            .reserve(holders, estimate, self.ambient.now())
            .map_err(GatewayError::limited)
    }

    /// Begins an attempt: permission is asked anew, and the intent is durable. Nothing where the provider is left alone.
    async fn begin(
        self: &Arc<Self>,
        caller: &Caller,
        offer: &Arc<Offer>,
        call: &Call,
        first: Option<ExchangeId>,
    ) -> Result<Option<UnderWay>, GatewayError> {
        let now = self.ambient.now();
        let caller = self.still(caller)?;
        let verdict = match self.permit_call(&caller, offer, now).await {
            Ok(verdict) => verdict,
            // What has changed since the first attempt forbids this one; another candidate may be permitted.
            Err(_) if first.is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        let Admission::Admitted(admitted) = self.health.admit(offer.provider.id, now) else {
            return Ok(None);
        };
        let recorded = match self.record_intent(&caller, offer, &verdict, call, first) {
            Ok(recorded) => recorded,
            Err(error) => {
                // Nothing was asked, so nothing is known of the provider.
                let provider = offer.provider.id;
                self.health.record(provider, admitted, Outcome::Abandoned, None, now);
                return Err(error);
            }
        };
        let request_bytes = u64::try_from(call.body.len()).unwrap_or(u64::MAX);
        let about = (false, request_bytes, caller.organization.retention);
        let mut under_way = UnderWay::new(Arc::clone(self), Arc::clone(offer), recorded, admitted, about);
        under_way.begins().await?;
        Ok(Some(under_way))
    }

    /// Asks, and records what came.
    async fn attempt(
        &self,
        mut under_way: UnderWay,
        call: &Call,
        envelope: &Envelope<'_>,
        reservation: &mut Option<Reservation>,
    ) -> Result<ForwardedBody, GatewayError> {
        under_way.stream = envelope.stream;
        let provider = &under_way.offer.provider;
        let asked = ProviderCall {
            exchange: under_way.intent.id,
            at: under_way.intent.at,
            endpoint: call.endpoint,
            body: envelope.patched(call.endpoint, &provider.provider_model),
            model: provider.model.clone(),
            stream: envelope.stream,
        };
        let client = match self.client(&under_way.offer) {
            Ok(client) => client,
            Err(error) => return Err(under_way.failed(error)),
        };
        let reply = match client.ask(asked).await {
            Ok(reply) => reply,
            Err(error) => return Err(under_way.failed(error)),
        };
        let Reply { request_id, body } = reply;
        match body {
            ReplyBody::Events(mut events) => {
                let first = match self.first_of(&under_way, &mut events).await {
                    Ok(first) => first,
                    Err(error) => return Err(under_way.failed(error)),
                };
                under_way.reservation = reservation.take();
                let came = (first, request_id);
                let stream = AnswerStream::new(under_way, events, came, call.endpoint, envelope.stream_usage);
                Ok(ForwardedBody::Stream(Box::new(stream)))
            }
            ReplyBody::Whole(body) => {
                let facts = match read_whole(&under_way.offer.provider.name, call.endpoint, &body) {
                    Ok(facts) => facts,
                    Err(error) => return Err(under_way.failed(error)),
                };
                under_way.begins_to_answer();
                let came = Came {
                    usage: facts.usage(),
                    pieces: u64::try_from(body.len()).unwrap_or(0) / 4,
                    body: body.clone(),
                    request_id,
                };
                under_way.reservation = reservation.take();
                let outcome = under_way.answered(came)?;
                self.released(outcome).await?;
                Ok(ForwardedBody::Whole(body))
            }
        }
    }

    /// The first bytes of a stream. One that breaks or tells an error before it has told anything else is a call that failed: the
    /// client hears of it by the status, and another candidate may still answer.
    async fn first_of(
        &self,
        under_way: &UnderWay,
        events: &mut BoxStream<'static, Result<Bytes, GatewayError>>,
    ) -> Result<Bytes, GatewayError> {
        let mut changes = self.directory.changes();
        let first = loop {
            tokio::select! {
                biased;
                first = events.next() => break first,
                Ok(()) = changes.changed() => self.is_served(under_way.intent.api_key)?,
            }
        };
        let provider = &under_way.offer.provider.name;
        let first = first.unwrap_or_else(|| Err(malformed(provider, "the stream ended before it began")))?;
        match scan::first_error(&first) {
            Some(told) => {
                let refusal = Refusal::in_stream(&told).unwrap_or_default();
                Err(GatewayError::refused(provider, refusal, Bytes::from(told)))
            }
            None => Ok(first),
        }
    }

    /// Whether the same provider is asked once more: only where there is no other, what failed may pass, and the budget of
    /// retries allows it. Waits first.
    async fn pause(&self, attempts: u32, error: &GatewayError, alone: bool) -> bool {
        let hint = match error {
            GatewayError::Refused(refusal) => match refusal.sign {
                Sign::Overloaded | Sign::Unavailable if refusal.status >= 500 => None,
                _ => return false,
            },
            GatewayError::Unreachable { .. } => None::<Duration>,
            _ => return false,
        };
        if !alone || attempts > 0 || !self.retries.spend() {
            return false;
        }
        let Some(delay) = backoff::delay(attempts, hint, self.ambient.seed()) else {
            return false;
        };
        tokio::time::sleep(delay).await;
        true
    }
}

fn malformed(provider: &str, reason: &str) -> GatewayError {
    GatewayError::Malformed {
        provider: provider.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The facts of a whole answer.
///
/// # Errors
/// `provider_malformed` where it is none; `provider_refused` where it is an error under a status of success.
fn read_whole<'a>(provider: &str, endpoint: Endpoint, body: &'a Bytes) -> Result<Facts<'a>, GatewayError> {
    let malformed = |reason| malformed(provider, reason);
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let facts = serde_json::from_slice::<Facts<'_>>(body).ok().filter(|_| is_object);
    let facts = facts.ok_or_else(|| malformed("it is not a JSON object"))?;
    if facts.is_refusal() {
        let refusal = Refusal::in_stream(body).unwrap_or_default();
        return Err(GatewayError::refused(provider, refusal, body.clone()));
    }
    let needs_choices = matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions);
    if needs_choices && !facts.has_choices() {
        return Err(malformed("it holds no choices"));
    }
    Ok(facts)
}

/// Whether another attempt may follow. Never after a refusal for policy, safety, licence or standing, and never where the
/// request itself is wrong.
fn may_go_on(error: &GatewayError) -> bool {
    match error {
        GatewayError::Refused(refusal) => refusal.sign.may_fall_back(),
        GatewayError::Unreachable { .. }
        | GatewayError::Malformed { .. }
        | GatewayError::MissingKey { .. }
        | GatewayError::ModelFailed { .. } => true,
        _ => false,
    }
}
