//! The baseline: a smoothed n-gram model over the same tokens. A student that does not beat it has learned nothing but
//! phrases.

mod counts;

use cultivar_record::chat::Message;

use crate::language_model::{LanguageModel, TurnScore};
use crate::writing::Reading;
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
    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn context(&self) -> Option<usize> {
        None
    }

    fn reading(&self) -> Box<dyn Reading + '_> {
        Box::new(NgramReading {
            counts: &self.counts,
            tokens: Vec::new(),
        })
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

/// The tokens read so far.
struct NgramReading<'a> {
    counts: &'a Counts,
    tokens: Vec<u32>,
}

impl Reading for NgramReading<'_> {
    fn room(&self) -> usize {
        usize::MAX
    }

    fn next(&mut self, tokens: &[u32]) -> Vec<f32> {
        self.tokens.extend_from_slice(tokens);
        let probabilities = self.counts.probabilities(&self.tokens);
        probabilities.into_iter().map(|p| p.ln() as f32).collect()
    }

    fn each(&mut self, tokens: &[u32]) -> Vec<Vec<f32>> {
        tokens.iter().map(|token| self.next(&[*token])).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use cultivar_record::chat::Role;

    use super::*;
    use crate::GenerateOptions;

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
