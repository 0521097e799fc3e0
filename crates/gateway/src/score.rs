//! The second page: how probable a model finds a conversation. A model call like any other: permitted and recorded.

use std::sync::Arc;

use bytes::Bytes;
use cultivar_record::{
    ExchangeId, ExchangeOutcome, MicroUsd, Usage, canonical_json,
    chat::{ChatRequest, Message},
};

use crate::{Caller, Gateway, GatewayError, LocalScore, Question, retention};

impl Gateway {
    /// Bits that a model spends on each turn of a conversation, given the turns before it.
    ///
    /// # Errors
    /// `unsupported` where the provider tells no probabilities; else as [`Gateway::complete`].
    pub async fn score(
        self: &Arc<Self>,
        caller: &Caller,
        model: &str,
        question: Question,
    ) -> Result<(ExchangeId, Vec<LocalScore>), GatewayError> {
        let candidates = self.candidates(caller, model, self.ambient.now()).await?;
        let offer = candidates.first().ok_or_else(|| GatewayError::NobodyHealthy {
            model: model.to_owned(),
        })?;
        let verdict = self.permit_call(caller, offer, self.ambient.now()).await?;
        let client = self.client(offer)?;
        let (intent, staged) = self.record_intent(caller, offer, &verdict, &question.call()?, None)?;
        staged.now()?;
        match client.score(question.request.messages).await {
            Ok(scores) => {
                let body = Bytes::from(canonical_json(&scores)?);
                let kept = retention::keep(caller.organization.retention, &self.desensitiser, &body);
                // Nothing was generated, and our own models charge nothing for reading.
                let (usage, cost) = (Usage::default(), MicroUsd::default());
                let outcome = ExchangeOutcome::Answered {
                    answer: kept.digest,
                    usage,
                    cost,
                    provider_request_id: None,
                };
                let recorded = self.record_outcome(&intent, outcome, kept.body)?;
                self.released(recorded).await?;
                Ok((intent.id, scores))
            }
            Err(error) => {
                let failure = error.failure();
                self.record_outcome(&intent, ExchangeOutcome::Failed { failure }, None)?
                    .now()?;
                Err(error)
            }
        }
    }
}

impl Question {
    /// A conversation to be scored by a model.
    pub fn to_score(model: &str, messages: Vec<Message>) -> Self {
        Self::alone(ChatRequest::plain(model, messages))
    }
}
