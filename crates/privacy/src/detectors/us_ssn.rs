//! Social security numbers of the United States.
//!
//! # What it finds
//! Nine digits as 3-2-4 with hyphens; with spaces, or in one group, where a word before them says so.
//! # Check
//! No check digit exists. Never issued, and so not found: area 000, 666 or 900 to 999, group 00, serial 0000.
//! # Surrogate
//! Area 000, which is never issued, in the same spelling.
//! # Misses
//! Numbers without hyphens and without a word, taxpayer numbers (ITIN, area 9xx), the last four digits alone.
//! # Source
//! Social Security Administration, POMS RM 10201.030 and RM 10201.035.

use super::Detector;
use crate::{
    Kind, Span, Strength,
    digits::{begins_at, chains, ends_at, is_cued, values, with_digits},
    draw::Draw,
};

const CUES: [&str; 4] = ["ssn", "ssns", "social", "security"];
const GROUPING: [usize; 3] = [3, 2, 4];

/// Finds them.
pub(crate) struct UsSsn;

impl Detector for UsSsn {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        for chain in chains(text) {
            for (at, first) in chain.iter().enumerate() {
                let grouped = chain
                    .get(at..at + GROUPING.len())
                    .filter(|window| window.iter().zip(GROUPING).all(|(group, length)| group.len() == length));
                let last = grouped
                    .and_then(<[_]>::last)
                    .or(Some(first).filter(|group| group.len() == 9));
                let Some(range) = last.map(|last| first.start..last.end) else {
                    continue;
                };
                let Some(strength) = strength(text, range.start, text.get(range.clone()).unwrap_or_default()) else {
                    continue;
                };
                if begins_at(text, range.start) && ends_at(text, range.end) {
                    found.push(Span::new(range, Kind::UsSsn, strength));
                }
            }
        }
    }

    fn normalised(&self, value: &str) -> String {
        value.chars().filter(char::is_ascii_digit).collect()
    }

    fn surrogate(&self, value: &str, draw: &mut Draw) -> String {
        let mut digits = vec![0, 0, 0];
        digits.extend(draw.digits(6));
        with_digits(value, &digits)
    }

    fn is_ours(&self, value: &str) -> bool {
        matches!(values(value).as_slice(), [0, 0, 0, rest @ ..] if rest.len() == 6)
    }
}

fn strength(text: &str, start: usize, candidate: &str) -> Option<Strength> {
    let digits = values(candidate);
    let (area, rest) = digits.split_at_checked(3)?;
    let (group, serial) = rest.split_at_checked(2)?;
    let never = matches!(area, [0, 0, 0] | [6, 6, 6] | [9, ..]) || group == [0, 0] || serial == [0, 0, 0, 0];
    let marks: String = candidate
        .chars()
        .filter(|character| !character.is_ascii_digit())
        .collect();
    match marks.as_str() {
        _ if never => None,
        "" | "  " | "--" if is_cued(text, start, &CUES, &[]) => Some(Strength::Context),
        "--" => Some(Strength::Format),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn hyphens_or_a_word_make_it_one() {
        assert_eq!(found(&UsSsn, "It is 531-21-7351."), ["531-21-7351"]);
        assert_eq!(found(&UsSsn, "my SSN: 531217351"), ["531217351"]);
        assert_eq!(found(&UsSsn, "social security number 531 21 7351"), ["531 21 7351"]);
    }

    #[test]
    fn what_was_never_issued_or_has_no_word_is_none() {
        for other in [
            "000-21-7351",
            "666-21-7351",
            "900-21-7351",
            "531-00-7351",
            "531-21-0000",
            "531217351",
            "531 21 7351",
        ] {
            assert!(found(&UsSsn, other).is_empty(), "{other}");
        }
        assert!(found(&UsSsn, "5531-21-7351 and 531-21-73512").is_empty());
    }
}
