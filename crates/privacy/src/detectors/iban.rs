//! International bank account numbers.
//!
//! # What it finds
//! Two letters of a country in the registry, two check digits, and the rest at the country's length: in one group, or with
//! single spaces between groups. Letters all in upper or all in lower case.
//! # Check
//! The country's length, and modulo 97 = 1.
//! # Surrogate
//! The same country and shape; the first four characters of the bank are `0` or `X`, which no bank has; fitting check digits.
//! # Misses
//! Countries that joined later than the table, other separators.
//! # Source
//! ISO 13616-1; SWIFT IBAN registry, release 98.

use super::Detector;
use crate::{Kind, Span, Strength, checksum::mod_97, digits::ends_at, draw::Draw};

/// Lengths by country.
const LENGTHS: [(&str, usize); 86] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
];

/// Finds them.
pub(crate) struct Iban;

impl Detector for Iban {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        let bytes = text.as_bytes();
        let mut previous = b' ';
        for (start, byte) in bytes.iter().enumerate() {
            let begins = byte.is_ascii_alphabetic() && !previous.is_ascii_alphanumeric();
            previous = *byte;
            let Some(length) = Some(start)
                .filter(|_| begins)
                .and_then(|start| country_length(text, start))
            else {
                continue;
            };
            let Some(end) = end_of(bytes, start, length) else {
                continue;
            };
            let candidate = text.get(start..end).unwrap_or_default();
            if ends_at(text, end) && one_case(candidate) && remainder(candidate) == Some(1) {
                found.push(Span::new(start..end, Kind::Iban, Strength::Checksum));
            }
        }
    }

    fn normalised(&self, value: &str) -> String {
        value.replace(' ', "").to_ascii_uppercase()
    }

    fn surrogate(&self, value: &str, draw: &mut Draw) -> String {
        let mut place = 0;
        let mut text: String = value
            .chars()
            .map(|character| {
                place += usize::from(character != ' ');
                match character {
                    _ if place <= 2 => character,
                    '0'..='9' if place <= 8 => '0',
                    '0'..='9' => char::from(b'0' + draw.digit()),
                    ' ' => ' ',
                    _ if place <= 8 => {
                        if character.is_ascii_lowercase() {
                            'x'
                        } else {
                            'X'
                        }
                    }
                    _ => char::from(if character.is_ascii_lowercase() { b'a' } else { b'A' } + draw.below(26)),
                }
            })
            .collect();
        // With the check digits 00 the remainder is 98 minus the right ones.
        let check = 98 - remainder(&text).unwrap_or_default();
        text.replace_range(2..4, &format!("{check:02}"));
        text
    }

    fn is_ours(&self, value: &str) -> bool {
        bank_of(value).all(|byte| matches!(byte, b'0' | b'X'))
    }
}

fn bank_of(value: &str) -> impl Iterator<Item = u8> {
    value
        .bytes()
        .filter(|byte| *byte != b' ')
        .skip(4)
        .take(4)
        .map(|byte| byte.to_ascii_uppercase())
}

fn country_length(text: &str, start: usize) -> Option<usize> {
    let code = text.get(start..start + 2)?;
    let digits = text.as_bytes().get(start + 2..start + 4)?;
    let (_, length) = LENGTHS.iter().find(|(country, _)| code.eq_ignore_ascii_case(country))?;
    digits.iter().all(u8::is_ascii_digit).then_some(*length)
}

/// The byte after so many letters and digits, with at most one space between any two.
fn end_of(bytes: &[u8], start: usize, length: usize) -> Option<usize> {
    let (mut count, mut spaces) = (0, 0);
    for (offset, byte) in bytes.get(start..)?.iter().enumerate() {
        match byte {
            b' ' if spaces == 0 => spaces = 1,
            byte if byte.is_ascii_alphanumeric() => (count, spaces) = (count + 1, 0),
            _ => return None,
        }
        if count == length {
            return Some(start + offset + 1);
        }
    }
    None
}

fn one_case(text: &str) -> bool {
    !(text.bytes().any(|byte| byte.is_ascii_lowercase()) && text.bytes().any(|byte| byte.is_ascii_uppercase()))
}

/// Modulo 97, the first four characters moved to the end.
fn remainder(text: &str) -> Option<u32> {
    let (head, tail) = text.split_at_checked(4)?;
    mod_97(tail.bytes().chain(head.bytes()).filter(|byte| *byte != b' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn numbers_of_the_registry_are_found() {
        let numbers = [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "fr1420041010050500013m02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ];
        for number in numbers {
            let text = format!("Konto {number}, bitte");
            assert_eq!(found(&Iban, &text), [number]);
        }
    }

    #[test]
    fn a_wrong_digit_length_or_country_is_none() {
        let others = [
            "DE88370400440532013000",
            "DE8937040044053201300",
            "XX89370400440532013000",
            "xDE89370400440532013000",
        ];
        for other in others {
            assert!(found(&Iban, other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_surrogate_is_valid_and_has_no_bank() {
        let mut draw = Draw::new(&[7; 32], Kind::Iban, "x");
        for value in [
            "GB29 NWBK 6016 1331 9268 19",
            "NO9386011117947",
            "fr1420041010050500013m02606",
        ] {
            let surrogate = Iban.surrogate(value, &mut draw);
            assert_eq!(found(&Iban, &surrogate), [surrogate.as_str()]);
            assert_eq!(surrogate.len(), value.len());
            assert!(Iban.is_ours(&surrogate) && !Iban.is_ours(value), "{surrogate}");
        }
    }
}
