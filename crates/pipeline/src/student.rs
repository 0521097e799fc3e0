//! Joins a language model to the door: the gateway knows that something answers, the model knows how.

use std::{ops::ControlFlow, sync::Arc};

use cultivar_gateway::{LocalAnswer, LocalModel, LocalScore};
use cultivar_model::{Finish, GenerateOptions, LanguageModel};
use cultivar_record::{
    Digest, Seed, TokenCount, canonical_json,
    chat::{ChatRequest, Message},
};

/// A language model behind the door.
pub(crate) struct Joined {
    model: Arc<dyn LanguageModel>,
}

impl Joined {
    pub(crate) fn behind_the_door(model: Arc<dyn LanguageModel>) -> Arc<dyn LocalModel> {
        Arc::new(Self { model })
    }
}

impl LocalModel for Joined {
    fn answer(
        &self,
        request: &ChatRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<LocalAnswer, String> {
        let generated = self
            .model
            .generate(&request.messages, &options(request), on_text)
            .map_err(|e| e.to_string())?;
        Ok(LocalAnswer {
            text: generated.text,
            prompt: TokenCount::new(generated.prompt_tokens),
            completion: TokenCount::new(generated.completion_tokens),
            finish_reason: if generated.finish == Finish::Length {
                "length"
            } else {
                "stop"
            },
        })
    }

    fn score(&self, messages: &[Message]) -> Result<Vec<LocalScore>, String> {
        let scores = self.model.score(messages).map_err(|e| e.to_string())?;
        let local = |score: cultivar_model::TurnScore| LocalScore {
            turn: u64::try_from(score.turn).unwrap_or(u64::MAX),
            role: score.role,
            bits: score.bits,
            bytes: score.bytes,
        };
        Ok(scores.into_iter().map(local).collect())
    }
}

/// What the request asks for; the rest as the model prefers. Without a seed the conversation is the seed, so that the same
/// request has the same answer.
fn options(request: &ChatRequest) -> GenerateOptions {
    let preferred = GenerateOptions::default();
    GenerateOptions {
        max_tokens: request
            .most_tokens()
            .map_or(preferred.max_tokens, |most| usize::try_from(most).unwrap_or(usize::MAX)),
        temperature: request.temperature.unwrap_or(preferred.temperature),
        top_p: request.top_p.unwrap_or(preferred.top_p),
        seed: Seed::new(
            request
                .seed
                .map_or_else(|| conversation_seed(&request.messages), i64::unsigned_abs),
        ),
    }
}

fn conversation_seed(messages: &[Message]) -> u64 {
    let digest = Digest::of_bytes(canonical_json(messages).unwrap_or_default().as_bytes());
    let (first, _) = digest.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*first)
}
