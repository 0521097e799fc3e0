//! Resident identity numbers of the People's Republic of China.
//!
//! # What it finds
//! Eighteen characters in one group: division (6 digits), date of birth (8), sequence (3), check character (digit, `X`, `x`).
//! # Check
//! The first two digits are a province in use, the date exists and lies in 1900 to 2099, the check character fits.
//! # Surrogate
//! Division 999xxx, which names no place, with another date and a fitting check character.
//! # Misses
//! The 15-digit form of before 1999, numbers with separators, full-width digits.
//! # Source
//! GB 11643-1999; provinces: GB/T 2260.

use std::fmt::Write as _;

use super::Detector;
use crate::{
    Kind, Span, Strength,
    checksum::mod_11_2,
    digits::{begins_at, ends_at, groups, values},
    draw::Draw,
};

const LENGTH: usize = 18;

/// Finds them.
pub(crate) struct CnResidentId;

impl Detector for CnResidentId {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        for group in groups(text) {
            let end = group.start + LENGTH;
            let long_enough = matches!(group.len(), 17 | LENGTH);
            let candidate = text.get(group.start..end).filter(|_| long_enough);
            if candidate.is_some_and(is_valid) && begins_at(text, group.start) && ends_at(text, end) {
                found.push(Span::new(group.start..end, Kind::CnResidentId, Strength::Checksum));
            }
        }
    }

    fn normalised(&self, value: &str) -> String {
        value.to_ascii_uppercase()
    }

    fn surrogate(&self, _value: &str, draw: &mut Draw) -> String {
        let mut text = String::from("999");
        push(&mut text, &draw.digits(3));
        let (year, month, day) = (1950 + u32::from(draw.below(50)), 1 + draw.below(12), 1 + draw.below(28));
        let _ = write!(text, "{year}{month:02}{day:02}");
        push(&mut text, &draw.digits(3));
        text.push(char::from(mod_11_2(&values(&text))));
        text
    }

    fn is_ours(&self, value: &str) -> bool {
        value.starts_with("999")
    }
}

fn push(text: &mut String, digits: &[u8]) {
    text.extend(digits.iter().map(|digit| char::from(b'0' + digit)));
}

fn is_valid(text: &str) -> bool {
    let Some((body, check)) = text.split_at_checked(LENGTH - 1) else {
        return false;
    };
    let digits = values(body);
    digits.len() == LENGTH - 1
        && is_province(number(body, 0..2))
        && is_date(number(body, 6..10), number(body, 10..12), number(body, 12..14))
        && check.bytes().next().map(|byte| byte.to_ascii_uppercase()) == Some(mod_11_2(&digits))
}

fn number(text: &str, range: std::ops::Range<usize>) -> u32 {
    text.get(range)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_default()
}

const fn is_province(code: u32) -> bool {
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}

const fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    year >= 1900 && year <= 2099 && day >= 1 && day <= days
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn a_valid_number_is_found_and_a_wrong_one_is_not() {
        assert_eq!(
            found(&CnResidentId, "身份证11010519491231002X。"),
            ["11010519491231002X"]
        );
        assert_eq!(
            found(&CnResidentId, "id 440524188001010014?"),
            Vec::<&str>::new(),
            "born in 1880"
        );
        for wrong in [
            "110105194912310021",
            "11010519490231002X",
            "99010519491231002X",
            "111010519491231002X",
        ] {
            assert!(found(&CnResidentId, wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn surrogates_have_a_fitting_check_character_and_no_place() {
        let mut draw = Draw::new(&[7; 32], Kind::CnResidentId, "x");
        for _ in 0..50 {
            let surrogate = CnResidentId.surrogate("", &mut draw);
            assert_eq!(surrogate.len(), LENGTH);
            assert_eq!(surrogate.bytes().last(), Some(mod_11_2(&values(&surrogate[..17]))));
            assert!(CnResidentId.is_ours(&surrogate) && found(&CnResidentId, &surrogate).is_empty());
        }
    }
}
