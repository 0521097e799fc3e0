//! chrF2: how many character n-grams an answer shares with a reference.
//!
//! **What it measures.** The F-score with beta 2 (recall counts twice as much as precision) of precision and recall, each
//! averaged over character n-grams of order 1 to 6 without white space; 0 to 100, higher is better. The value of several
//! texts is that of their summed counts, which is sacreBLEU's corpus score (`chrF2|nc:6|nw:0|space:no|case:mixed|eff:yes`).
//!
//! **Assumes.** One reference per answer, in the same language and script. Characters are Unicode code points, not
//! normalised.
//!
//! **Fails when.** Good answers are worded quite unlike the reference: chrF measures likeness of wording, not truth or help.
//! Texts of a few characters have no n-grams of the higher orders, which are then left out of the averages.
//!
//! **Source.** Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015; smoothing by effective order
//! as in sacreBLEU 2.6.0 (Post, WMT 2018).

use std::collections::HashMap;

use super::Tally;
use crate::interval::number;

const ORDERS: usize = 6;
/// Beta squared, with beta 2.
const RECALL_WEIGHT: f64 = 4.0;

/// The n-gram counts of an answer beside its reference, or the sums over several: all that chrF needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChrfCounts {
    /// By order, from 1 to 6.
    orders: [OrderCounts; ORDERS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OrderCounts {
    answer: u64,
    reference: u64,
    shared: u64,
}

impl ChrfCounts {
    /// Counts the n-grams of an answer and its reference.
    pub fn of(answer: &str, reference: &str) -> Self {
        let (answer, reference) = (solid(answer), solid(reference));
        let mut orders = [OrderCounts::default(); ORDERS];
        for (order, counts) in (1..).zip(&mut orders) {
            *counts = OrderCounts::of(&answer, &reference, order);
        }
        Self { orders }
    }
}

impl Tally for ChrfCounts {
    fn add(&mut self, other: &Self) {
        for (sum, counts) in self.orders.iter_mut().zip(&other.orders) {
            sum.answer += counts.answer;
            sum.reference += counts.reference;
            sum.shared += counts.shared;
        }
    }

    fn value(&self) -> f64 {
        let present = || self.orders.iter().filter(|o| o.answer > 0 && o.reference > 0);
        let orders = number(present().count() as u64);
        let precision: f64 = present().map(|o| number(o.shared) / number(o.answer)).sum();
        let recall: f64 = present().map(|o| number(o.shared) / number(o.reference)).sum();
        if precision + recall <= 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precision / orders, recall / orders);
        100.0 * (1.0 + RECALL_WEIGHT) * precision * recall / (RECALL_WEIGHT * precision + recall)
    }
}

impl OrderCounts {
    fn of(answer: &[char], reference: &[char], order: usize) -> Self {
        let (mine, theirs) = (ngrams(answer, order), ngrams(reference, order));
        let shared = |(ngram, count): (&&[char], &u64)| theirs.get(ngram).map_or(0, |other| *count.min(other));
        let reference = theirs.values().sum();
        Self {
            // As sacreBLEU has it: n-grams of an order that the reference is too short for count for nothing.
            answer: if theirs.is_empty() { 0 } else { mine.values().sum() },
            reference,
            shared: mine.iter().map(shared).sum(),
        }
    }
}

/// The characters of a text without white space, as Python's `str.split` understands it.
fn solid(text: &str) -> Vec<char> {
    let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    text.chars().filter(|c| !is_space(*c)).collect()
}

fn ngrams(text: &[char], order: usize) -> HashMap<&[char], u64> {
    let mut counts = HashMap::new();
    for ngram in text.windows(order) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `sacrebleu.metrics.CHRF().sentence_score(answer, [reference]).score`, sacreBLEU 2.6.0.
    const SENTENCES: [(&str, &str, f64); 11] = [
        (
            "The cat sat on the mat.",
            "The cat is sitting on the mat.",
            49.648_517_031_143_3,
        ),
        (
            "I have booked a table for two at 7 pm.",
            "Your table for two is booked for 7 pm tonight.",
            40.325_442_407_858_14,
        ),
        ("", "An empty answer.", 0.0),
        ("An empty reference.", "", 0.0),
        ("ab", "abcdefgh", 23.404_255_319_148_938),
        (
            "Grüße aus Köln — bis morgen!",
            "Viele Grüße aus Köln, bis morgen.",
            64.648_425_625_723_04,
        ),
        (
            "今天天气很好,我们去公园吧。",
            "今天天气不错,我们去公园散步吧。",
            40.186_167_822_692_91,
        ),
        ("aaaaaaaaaa", "aaaa", 66.209_406_494_960_8),
        (
            "tabs\tand\nnew\u{3000}lines\u{1f}here",
            "tabs and new lines here",
            100.0,
        ),
        ("completely different", "XYZ", 0.0),
        (
            "👩\u{200d}👩\u{200d}👧 ok",
            "👩\u{200d}👩\u{200d}👧 OK ok",
            41.715_026_158_413_416,
        ),
    ];
    /// `sacrebleu.metrics.CHRF().corpus_score(answers, [references]).score` of all of them.
    const CORPUS: f64 = 49.517_858_016_770_59;

    #[test]
    fn sentences_and_their_sum_score_as_with_sacrebleu() {
        let mut sum = ChrfCounts::default();
        for (answer, reference, expected) in SENTENCES {
            let counts = ChrfCounts::of(answer, reference);
            assert!(
                (counts.value() - expected).abs() < 1e-9,
                "{answer}: {} is not {expected}",
                counts.value()
            );
            sum.add(&counts);
        }
        assert!((sum.value() - CORPUS).abs() < 1e-9, "{} is not {CORPUS}", sum.value());
    }

    proptest! {
        #[test]
        fn a_score_lies_within_0_and_100_and_is_100_for_the_reference_itself(a in "\\PC{0,30}", b in "\\PC{0,30}") {
            let score = ChrfCounts::of(&a, &b).value();
            prop_assert!((0.0..=100.0 + 1e-9).contains(&score));
            let same = ChrfCounts::of(&a, &a).value();
            let expected = if solid(&a).is_empty() { 0.0 } else { 100.0 };
            prop_assert!((same - expected).abs() < 1e-9);
        }
    }
}
