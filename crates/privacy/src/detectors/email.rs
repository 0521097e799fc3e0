//! Addresses of mailboxes.
//!
//! # What it finds
//! A local part of letters, digits and `._%+-'`, `@`, and a domain of at least two labels whose last one has letters only
//! (or is `xn--…`). Letters are Latin, Greek or Cyrillic.
//! # Check
//! Form only.
//! # Surrogate
//! Two words and digits at example.com or example.org.
//! # Misses
//! Quoted local parts, addresses spelled out (`ann at example dot org`), bare host names, IP domains.
//! # Source
//! RFC 5321, section 4.1.2; RFC 6531; RFC 2606, section 3.

use super::Detector;
use crate::{Kind, Span, Strength, draw::Draw};

const DOMAINS: [&str; 2] = ["@example.com", "@example.org"];
const FIRST: [&str; 16] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "indigo", "juniper", "kestrel", "lumen",
    "maple", "north", "olive", "pine",
];
const SECOND: [&str; 16] = [
    "brook", "cliff", "dale", "field", "gate", "hill", "isle", "lake", "mill", "path", "ridge", "shore", "stone",
    "vale", "wood", "yard",
];

/// Finds them.
pub(crate) struct Email;

impl Detector for Email {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        let ats = text.bytes().enumerate().filter(|(_, byte)| *byte == b'@');
        for (at, _) in ats {
            // Neither walk crosses another `@`, so that no byte is looked at more than twice.
            let before = text.get(..at).unwrap_or_default();
            let after = text.get(at + 1..).unwrap_or_default();
            let local = before.rsplit(|c: char| !is_local(c)).next().unwrap_or_default();
            let local = local.trim_start_matches(['.', '\'', '-', '+', '%']);
            let label_end = after.find(|c: char| !is_domain(c)).unwrap_or(after.len());
            let domain = domain(after.get(..label_end).unwrap_or_default());
            if let Some(domain) = domain.filter(|_| !local.is_empty() && !local.ends_with('.')) {
                let range = at - local.len()..at + 1 + domain.len();
                found.push(Span::new(range, Kind::Email, Strength::Format));
            }
        }
    }

    fn normalised(&self, value: &str) -> String {
        value.to_lowercase()
    }

    fn surrogate(&self, _value: &str, draw: &mut Draw) -> String {
        let mut pick = |words: &[&'static str]| {
            let place = draw.below(u8::try_from(words.len()).unwrap_or(1));
            words.get(usize::from(place)).copied().unwrap_or_default()
        };
        let (first, second, domain) = (pick(&FIRST), pick(&SECOND), pick(&DOMAINS));
        let number: String = draw.digits(6).iter().map(|digit| char::from(b'0' + digit)).collect();
        format!("{first}.{second}{number}{domain}")
    }

    fn is_ours(&self, value: &str) -> bool {
        let value = value.to_ascii_lowercase();
        DOMAINS.iter().any(|domain| value.ends_with(domain))
    }
}

fn is_local(character: char) -> bool {
    is_letter_or_digit(character) || matches!(character, '.' | '_' | '%' | '+' | '-' | '\'')
}

fn is_domain(character: char) -> bool {
    is_letter_or_digit(character) || matches!(character, '.' | '-')
}

/// Scripts that put spaces between words: in the others an address could not be told from the words before it.
fn is_letter_or_digit(character: char) -> bool {
    character.is_ascii_alphanumeric() || (matches!(character, '\u{c0}'..='\u{52f}') && character.is_alphabetic())
}

/// The longest beginning that is a domain with a top-level label.
fn domain(text: &str) -> Option<&str> {
    let text = text.trim_end_matches(['.', '-']);
    let (mut end, mut labels) = (0, 0);
    let mut best = None;
    for label in text.split('.') {
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') {
            break;
        }
        end += label.len();
        labels += 1;
        let top = label.chars().count() > 1 && label.chars().all(char::is_alphabetic) || label.starts_with("xn--");
        if labels > 1 && top {
            best = text.get(..end);
        }
        end += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn addresses_are_found_without_what_stands_around_them() {
        let cases = [
            (
                "Write to Ann.Lee+news@mail.example.co.uk.",
                "Ann.Lee+news@mail.example.co.uk",
            ),
            ("<o'hara_1@dayrep.com>", "o'hara_1@dayrep.com"),
            ("邮箱zhang@qq.com谢谢", "zhang@qq.com"),
            ("'bob@site.museum'", "bob@site.museum"),
            ("x@a.b.xn--p1ai/", "x@a.b.xn--p1ai"),
        ];
        for (text, wanted) in cases {
            assert_eq!(found(&Email, text), [wanted]);
        }
    }

    #[test]
    fn other_uses_of_the_sign_are_none() {
        for other in [
            "@ann",
            "two @ 4.50",
            "ann@localhost",
            "a@b.c",
            "a.@",
            "@@@",
            "ann@-x.com",
            "ann@1.2.3.4",
        ] {
            assert!(found(&Email, other).is_empty(), "{other}");
        }
    }
}
