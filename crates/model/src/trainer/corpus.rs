//! Conversations as rows of tokens, and the order in which they are dealt.
//!
//! The order is a function of seed and place alone, so a run can go on from any place.

use cultivar_record::chat::{Message, Role};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::mix;
use crate::kernel::cross_entropy::NO_TARGET;
use crate::settings::LearnFrom;
use crate::{ModelError, Tokenizer, Transcript};

/// One conversation.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its tokens but the last, which predicts nothing.
    pub(super) tokens: Vec<u32>,
    /// What each token is to predict.
    pub(super) targets: Vec<u32>,
    /// Bytes of the text to be learned.
    bytes: u64,
}

/// All conversations of a split.
#[derive(Clone, Debug)]
pub(super) struct Corpus {
    rows: Vec<Row>,
    /// The order of the pass that is being dealt, and which pass that is.
    order: Vec<usize>,
    epoch: Option<(u64, u64)>,
}

impl Corpus {
    /// Renders conversations; those with nothing to learn are left out.
    pub(super) fn new(
        conversations: &[Vec<Message>],
        tokenizer: &Tokenizer,
        context: usize,
        learn_from: LearnFrom,
    ) -> Result<Self, ModelError> {
        let rows: Result<Vec<Row>, ModelError> = conversations
            .par_iter()
            .map(|messages| {
                Ok(Row::new(
                    tokenizer,
                    &Transcript::render(tokenizer, messages)?,
                    context,
                    learn_from,
                ))
            })
            .collect();
        let mut rows = rows?;
        rows.retain(|row| row.bytes > 0 && row.targets.iter().any(|target| *target != NO_TARGET));
        Ok(Self {
            rows,
            order: Vec::new(),
            epoch: None,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn tokens(&self) -> u64 {
        self.rows.iter().map(|row| row.tokens.len() as u64).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// The conversations from `place` on that hold about `tokens` tokens together, at least one, and the place after them.
    /// Each pass over the data has its own order. The longest come first, which lets lanes be filled evenly.
    pub(super) fn batch(&mut self, seed: u64, place: u64, tokens: usize) -> (Vec<&Row>, u64) {
        let mut chosen = Vec::new();
        let mut held = 0;
        let mut next = place;
        while held < tokens {
            let Some(index) = self.at(seed, next) else { break };
            let length = self.rows.get(index).map_or(0, |row| row.tokens.len());
            if held > 0 && held + length > tokens {
                break;
            }
            held += length;
            chosen.push(index);
            next += 1;
        }
        let mut rows: Vec<&Row> = chosen.iter().filter_map(|index| self.rows.get(*index)).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.tokens.len()));
        (rows, next)
    }

    /// Which conversation is dealt at a place.
    fn at(&mut self, seed: u64, place: u64) -> Option<usize> {
        let size = self.rows.len() as u64;
        let epoch = place.checked_div(size)?;
        if self.epoch != Some((seed, epoch)) {
            self.order = shuffled(self.rows.len(), mix(seed, epoch));
            self.epoch = Some((seed, epoch));
        }
        self.order.get((place % size) as usize).copied()
    }
}

impl Row {
    fn new(tokenizer: &Tokenizer, transcript: &Transcript, context: usize, learn_from: LearnFrom) -> Self {
        // The target of a token stands one place before it.
        let mut targets: Vec<u32> = transcript.tokens.get(1..).unwrap_or_default().to_vec();
        if learn_from == LearnFrom::AssistantTurns {
            for turn in &transcript.turns {
                let start = turn.tokens.start.saturating_sub(1);
                // Of its own turns the assistant learns all but the role token: it is always given.
                let end = if turn.role == Role::Assistant {
                    turn.tokens.start
                } else {
                    turn.tokens.end - 1
                };
                targets.get_mut(start..end).unwrap_or_default().fill(NO_TARGET);
            }
        }
        let mut tokens = transcript.tokens.clone();
        tokens.truncate(targets.len().min(context));
        targets.truncate(tokens.len());
        let bytes = targets
            .iter()
            .map(|target| tokenizer.bytes_of(*target).len() as u64)
            .sum();
        Self { tokens, targets, bytes }
    }
}

/// The numbers below `n` in random order. Source: Fisher & Yates, as in Knuth, volume 2, algorithm 3.4.2P.
fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(count: usize) -> Corpus {
        let texts: Vec<String> = (0..count).map(|i| format!("{i} {}", "x".repeat(i * 7 % 40))).collect();
        let tokenizer = Tokenizer::train(texts.iter(), 300).unwrap();
        let conversations: Vec<Vec<Message>> = texts
            .into_iter()
            .map(|text| vec![Message::text(Role::User, text)])
            .collect();
        Corpus::new(&conversations, &tokenizer, 64, LearnFrom::AllTurns).unwrap()
    }

    #[test]
    fn every_pass_deals_every_conversation_once_in_an_order_of_its_own() {
        let mut corpus = corpus(50);
        let (mut place, mut dealt) = (0, Vec::new());
        while place < 100 {
            let room = 60;
            let (batch, next) = corpus.batch(7, place, room);
            assert!(next > place && batch.iter().map(|row| row.tokens.len()).sum::<usize>() <= room);
            assert!(batch.is_sorted_by_key(|row| std::cmp::Reverse(row.tokens.len())));
            dealt.extend((place..next).map(|place| corpus.at(7, place).unwrap()));
            place = next;
        }
        let mut passes = dealt.chunks(50).take(2).map(<[usize]>::to_vec).collect::<Vec<_>>();
        assert_ne!(passes[0], passes[1]);
        for pass in &mut passes {
            pass.sort_unstable();
            assert_eq!(*pass, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_conversation_longer_than_a_batch_is_dealt_alone_and_one_longer_than_the_context_is_cut() {
        let mut corpus = corpus(50);
        let (batch, next) = corpus.batch(7, 3, 1);
        assert_eq!((batch.len(), next), (1, 4));
        let tokenizer = Tokenizer::train(["a"].iter(), 261).unwrap();
        let long = vec![vec![Message::text(Role::User, "abcdefghij")]];
        let cut = Corpus::new(&long, &tokenizer, 5, LearnFrom::AllTurns).unwrap();
        assert_eq!(cut.rows()[0].tokens.len(), 5);
        assert_eq!(cut.bytes(), 5, "only text that is predicted counts");
    }
}
