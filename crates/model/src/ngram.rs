//! The baseline: a smoothed n-gram model over the same tokens. A student that does not beat it has learned nothing but
//! phrases.

mod counts;

use std::ops::ControlFlow;

use cultivar_record::chat::{Message, Role};

use crate::language_model::{GenerateOptions, Generated, LanguageModel, TurnScore};
use crate::student::answer;
use crate::{ModelError, Tokenizer, Transcript};
use counts::Counts;

/// Tokens of an n-gram: the best measured on held-out task dialogues, of 3 to 8.
pub const DEFAULT_ORDER: usize = 8;

/// An interpolated Kneser-Ney model that answers like a student.
#[derive(Clone, Debug)]
pub struct NgramBaseline {
    tokenizer: Tokenizer,
    counts: Counts,
}

impl NgramBaseline {
    /// Counts the n-grams of `order` tokens (at least 1) and shorter in conversations.
    ///
    /// # Errors
    /// [`ModelError::NoData`] where there is no conversation, [`ModelError::Tokenizer`] where a text cannot be turned into
    /// tokens.
    pub fn train(conversations: &[Vec<Message>], tokenizer: Tokenizer, order: usize) -> Result<Self, ModelError> {
        let rows: Result<Vec<Vec<u32>>, ModelError> = conversations
            .iter()
            .map(|messages| Ok(Transcript::render(&tokenizer, messages)?.tokens))
            .collect();
        let rows = rows?;
        if rows.iter().all(Vec::is_empty) {
            return Err(ModelError::NoData);
        }
        let counts = Counts::train(&rows, order.max(1), tokenizer.vocab());
        Ok(Self { tokenizer, counts })
    }
}

impl LanguageModel for NgramBaseline {
    fn generate(
        &self,
        messages: &[Message],
        options: &GenerateOptions,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated, ModelError> {
        let mut tokens = Transcript::render(&self.tokenizer, messages)?.tokens;
        tokens.push(self.tokenizer.role(Role::Assistant));
        let prompt_tokens = tokens.len() as u64;
        let next = &mut |token: Option<u32>| {
            tokens.extend(token);
            let probabilities = self.counts.probabilities(&tokens);
            Some(probabilities.into_iter().map(|p| p as f32).collect())
        };
        Ok(answer(&self.tokenizer, options, prompt_tokens, next, on_text))
    }

    fn score(&self, messages: &[Message]) -> Result<Vec<TurnScore>, ModelError> {
        let transcript = Transcript::render(&self.tokenizer, messages)?;
        let bits = |place: usize| {
            let (before, token) = (transcript.tokens.get(..place)?, transcript.tokens.get(place)?);
            Some(-self.counts.probability(before, *token).log2())
        };
        let scores = transcript.turns.iter().enumerate().map(|(i, turn)| TurnScore {
            turn: i,
            role: turn.role,
            bits: turn.said().filter_map(bits).sum(),
            bytes: turn.bytes,
        });
        Ok(scores.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(texts: [&str; 2]) -> Vec<Message> {
        vec![
            Message::text(Role::User, texts[0]),
            Message::text(Role::Assistant, texts[1]),
        ]
    }

    #[test]
    fn what_was_seen_is_answered_and_costs_less_than_what_was_not() {
        let data: Vec<Vec<Message>> = ["latte", "mocha", "chai", "espresso"]
            .iter()
            .map(|drink| conversation([&format!("one {drink} please"), "that will be ready soon"]))
            .collect();
        let texts = data.iter().flatten().map(Message::plain_text);
        let tokenizer = Tokenizer::train(texts.collect::<Vec<_>>().iter(), 300).unwrap();
        let model = NgramBaseline::train(&data, tokenizer, DEFAULT_ORDER).unwrap();
        let greedy = GenerateOptions {
            temperature: 0.0,
            ..GenerateOptions::default()
        };
        let question = [Message::text(Role::User, "one chai please")];
        let answer = model
            .generate(&question, &greedy, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(answer.text, "that will be ready soon");
        let seen = model.score(&data[0]).unwrap();
        let unseen = model
            .score(&conversation(["one latte please", "soon be ready will that"]))
            .unwrap();
        assert!(seen[1].bits * 4.0 < unseen[1].bits, "{seen:?} {unseen:?}");
        assert_eq!(seen[1].bytes, 23);
        assert!(matches!(
            NgramBaseline::train(&[], model.tokenizer, 3),
            Err(ModelError::NoData)
        ));
    }
}
