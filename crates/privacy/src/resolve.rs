//! Settling overlaps: which of several findings about the same bytes is replaced.
//!
//! 1. What contains another finding wins, and keeps its kind in `inside`: replacing the whole leaves nothing of the part.
//! 2. Of two that claim exactly the same bytes, or overlap without containment, the stronger wins (check digits over a word
//!    before it over form alone), then the longer, then the more specific kind, then the earlier.
//!
//! A finding that loses to a partial overlap is dropped: it read the same digits wrongly.

use std::cmp::Reverse;

use crate::Span;

/// The winners, in order, without overlaps.
pub(crate) fn resolve(mut found: Vec<Span>) -> Vec<Span> {
    found.sort_by_key(|span| (span.start, Reverse(span.end), Reverse(span.strength), span.kind));
    let mut winners: Vec<Span> = Vec::with_capacity(found.len());
    for span in found {
        match winners.last_mut() {
            Some(last) if last.contains(&span) => {
                if span.end - span.start < last.end - last.start {
                    last.inside.push(span.kind);
                }
            }
            Some(last) if last.overlaps(&span) => {
                let rank = |span: &Span| (span.strength, span.end - span.start, Reverse(span.kind));
                if rank(&span) > rank(last) {
                    *last = span;
                }
            }
            _ => winners.push(span),
        }
    }
    winners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Strength};

    fn span(start: usize, end: usize, kind: Kind, strength: Strength) -> Span {
        Span::new(start..end, kind, strength)
    }

    #[test]
    fn the_whole_wins_over_the_part_and_remembers_it() {
        let url = span(0, 40, Kind::Url, Strength::Format);
        let card = span(10, 26, Kind::PaymentCard, Strength::Checksum);
        let winners = resolve(vec![card, url.clone()]);
        assert_eq!(
            winners,
            [Span {
                inside: vec![Kind::PaymentCard],
                ..url
            }]
        );
    }

    #[test]
    fn strength_decides_between_readings_of_the_same_digits() {
        let phone = span(3, 15, Kind::Phone, Strength::Context);
        let card = span(3, 15, Kind::PaymentCard, Strength::Checksum);
        assert_eq!(resolve(vec![phone.clone(), card.clone()]), std::slice::from_ref(&card));
        let late = span(8, 24, Kind::PaymentCard, Strength::Checksum);
        assert_eq!(resolve(vec![phone, late.clone()]), [late]);
    }

    #[test]
    fn winners_never_overlap() {
        let kinds = [Kind::Phone, Kind::PaymentCard, Kind::Url];
        let strengths = [Strength::Format, Strength::Context, Strength::Checksum];
        let mut found = Vec::new();
        for start in 0..12 {
            for length in 1..6 {
                let pick = start * 5 + length;
                found.push(span(
                    start,
                    start + length,
                    kinds[pick % 3],
                    strengths[pick % 2 + start % 2],
                ));
            }
        }
        let winners = resolve(found);
        assert!(
            winners.windows(2).all(|pair| pair[0].end <= pair[1].start),
            "{winners:?}"
        );
    }
}
