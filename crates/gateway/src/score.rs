//! The second page: how probable a model finds a conversation. A model call like any other: permitted and recorded.

use std::sync::Arc;

use cultivar_record::{
    ExchangeId, ExchangeOutcome, MicroUsd, Usage,
    chat::{ChatRequest, Message},
};

use crate::{Caller, Gateway, GatewayError, LocalScore, Question};

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
        let route = self.route(model)?;
        let verdict = self.permit_call(caller, &route).await?;
        let client = self.client(&route.provider)?;
        let intent = self.record_intent(caller, &route, &verdict, &question).await?;
        match client.score(question.request.messages).await {
            Ok(scores) => {
                let answer = self.put_blob(&scores).await?;
                // Nothing was generated, and our own models charge nothing for reading.
                let (usage, cost) = (Usage::default(), MicroUsd::default());
                let outcome = ExchangeOutcome::Answered {
                    answer,
                    usage,
                    cost,
                    provider_request_id: None,
                };
                self.record_outcome(&intent, outcome).await?;
                Ok((intent.id, scores))
            }
            Err(error) => {
                self.record_outcome(
                    &intent,
                    ExchangeOutcome::Failed {
                        failure: error.failure(),
                    },
                )
                .await?;
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
