//! Numbers of payment cards.
//!
//! # What it finds
//! 12 to 19 digits of any brand, first digit 2 to 6: in one group, or in groups of 4-4-4-4, 4-4-4-4-3, 4-6-5 or 4-6-4 with
//! one space or hyphen between them.
//! # Check
//! Luhn, and more than one distinct digit.
//! # Surrogate
//! The test number range 400000, other digits, a fitting check digit, in the same groups.
//! # Misses
//! Other groupings, brands that begin with another digit, numbers cut in two. One in ten other numbers of that length and
//! beginning is taken for a card.
//! # Source
//! ISO/IEC 7812-1; lengths: the brands' published ranges.

use std::ops::Range;

use super::Detector;
use crate::{
    Kind, Span, Strength,
    checksum::{luhn, luhn_digit},
    digits::{begins_at, chains, ends_at, values, with_digits},
    draw::Draw,
};

/// Digits 0 to 5 of every surrogate.
const TEST_RANGE: [u8; 6] = [4, 0, 0, 0, 0, 0];
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=19;
const GROUPINGS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// Finds them.
pub(crate) struct PaymentCard;

impl Detector for PaymentCard {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        for chain in chains(text) {
            let mut at = 0;
            while let Some(rest) = chain.get(at..).filter(|rest| !rest.is_empty()) {
                match card(text, rest) {
                    None => at += 1,
                    Some((groups, range)) => {
                        found.push(Span::new(range, Kind::PaymentCard, Strength::Checksum));
                        at += groups;
                    }
                }
            }
        }
    }

    fn normalised(&self, value: &str) -> String {
        value.chars().filter(char::is_ascii_digit).collect()
    }

    fn surrogate(&self, value: &str, draw: &mut Draw) -> String {
        let count = values(value).len();
        let mut digits = TEST_RANGE.to_vec();
        digits.extend(draw.digits(count.saturating_sub(digits.len() + 1)));
        digits.push(luhn_digit(&digits));
        with_digits(value, &digits)
    }

    fn is_ours(&self, value: &str) -> bool {
        values(value).starts_with(&TEST_RANGE)
    }
}

/// The card that begins with the first of these groups: how many groups it has, and where it is.
fn card(text: &str, groups: &[Range<usize>]) -> Option<(usize, Range<usize>)> {
    let first = groups.first()?;
    if LENGTHS.contains(&first.len()) {
        return is_card(text, first.clone()).then(|| (1, first.clone()));
    }
    GROUPINGS.iter().find_map(|grouping| {
        let window = groups.get(..grouping.len())?;
        let fits = window
            .iter()
            .zip(*grouping)
            .all(|(group, length)| group.len() == *length);
        let range = first.start..window.last()?.end;
        (fits && single_separators(text, window) && is_card(text, range.clone())).then_some((grouping.len(), range))
    })
}

fn single_separators(text: &str, window: &[Range<usize>]) -> bool {
    let mut between = window
        .iter()
        .zip(window.iter().skip(1))
        .map(|(left, right)| text.get(left.end..right.start));
    let first = between.next().flatten();
    matches!(first, Some(" " | "-")) && between.all(|separator| separator == first)
}

fn is_card(text: &str, range: Range<usize>) -> bool {
    let digits = values(text.get(range.clone()).unwrap_or_default());
    let brand = matches!(digits.first(), Some(2..=6));
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    brand && varied && begins_at(text, range.start) && ends_at(text, range.end) && luhn(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn every_brand_and_grouping_is_found() {
        let cards = [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "3782 822463 10005",
            "3056 930902 5904",
            "6304000000000000",
            "3530111333300000",
        ];
        for card in cards {
            let text = format!("Card 7 {card}, thanks");
            assert_eq!(found(&PaymentCard, &text), [card]);
        }
    }

    #[test]
    fn other_numbers_are_not_cards() {
        let others = [
            "4111111111111112",
            "4111 1111-1111 1111",
            "41111111111111111111",
            "order 4111",
            "1732448765123",
            "$4111111111111111",
            "4444444444444444",
        ];
        for other in others {
            assert!(found(&PaymentCard, other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_surrogate_keeps_the_groups_and_passes_the_check() {
        let mut draw = Draw::new(&[7; 32], Kind::PaymentCard, "x");
        let surrogate = PaymentCard.surrogate("3782 822463 10005", &mut draw);
        assert!(surrogate.starts_with("4000 00") && surrogate.len() == 17, "{surrogate}");
        assert!(luhn(&values(&surrogate)) && PaymentCard.is_ours(&surrogate));
    }
}
