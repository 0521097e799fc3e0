//! Addresses of pages and services.
//!
//! # What it finds
//! A scheme, `://`, and everything up to white space, a quotation mark or a bracket of mark-up; or the same after `www.`.
//! Punctuation at the end belongs to the sentence.
//! # Check
//! A host with at least one letter or digit.
//! # Surrogate
//! `https://example.com/` (or `www.example.com/`) and a random path.
//! # Misses
//! Bare domains without scheme and without `www.`, addresses broken over lines.
//! # Source
//! RFC 3986; RFC 2606, section 3.

use super::Detector;
use crate::{Kind, Span, Strength, draw::Draw};

const LONGEST_SCHEME: usize = 12;

/// Finds them.
pub(crate) struct Url;

impl Detector for Url {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        let mut at = 0;
        while let Some((start, host)) = anchor(text, at) {
            let rest = text.get(host..).unwrap_or_default();
            let length = rest.find(ends).unwrap_or(rest.len());
            let end = host + trimmed(rest.get(..length).unwrap_or_default()).len();
            if rest.starts_with(|first: char| first.is_alphanumeric() || first == '[') {
                found.push(Span::new(start..end, Kind::Url, Strength::Format));
            }
            at = host + length;
        }
    }

    fn normalised(&self, value: &str) -> String {
        value.to_owned()
    }

    fn surrogate(&self, value: &str, draw: &mut Draw) -> String {
        let path = draw.hex(12);
        if value.contains("://") {
            format!("https://example.com/{path}")
        } else {
            format!("www.example.com/{path}")
        }
    }

    fn is_ours(&self, value: &str) -> bool {
        value.starts_with("https://example.com/") || value.starts_with("www.example.com/")
    }
}

/// The next address at or after a place: where it begins, and where its host does.
fn anchor(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let mut looked = 0;
    while let Some(found) = rest.get(looked..)?.find(['/', 'w', 'W']) {
        let place = looked + found;
        let tail = rest.get(place..)?;
        if tail.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("www.")) && starts_word(text, from + place) {
            return Some((from + place, from + place + 4));
        }
        if tail.starts_with("//") && rest.get(..place)?.ends_with(':') {
            let scheme = scheme(rest.get(..place - 1)?);
            if scheme > 0 {
                return Some((from + place - 1 - scheme, from + place + 2));
            }
        }
        looked = place + 1;
    }
    None
}

fn starts_word(text: &str, at: usize) -> bool {
    !text
        .as_bytes()
        .get(..at)
        .and_then(<[u8]>::last)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
}

/// The length of the scheme at the end of a text, 0 where there is none.
fn scheme(text: &str) -> usize {
    let letters = text
        .bytes()
        .rev()
        .take(LONGEST_SCHEME)
        .take_while(u8::is_ascii_alphabetic)
        .count();
    if letters > 1 { letters } else { 0 }
}

fn ends(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^' | '“' | '”' | '，' | '。' | '、'
        )
}

/// Without the punctuation of the sentence around it.
fn trimmed(text: &str) -> &str {
    let text = text.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
    match text.strip_suffix(')') {
        Some(inner) if !inner.contains('(') => inner.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn addresses_are_found_without_the_sentence_around_them() {
        let cases = [
            ("See http://www.DialForum.co.uk/.", "http://www.DialForum.co.uk/"),
            ("(https://a.example/b?c=1#d)", "https://a.example/b?c=1#d"),
            (
                "https://en.wikipedia.org/wiki/A_(b), and",
                "https://en.wikipedia.org/wiki/A_(b)",
            ),
            ("go to www.nighttime.se!", "www.nighttime.se"),
            ("见https://例子.cn/路径。", "https://例子.cn/路径"),
            ("\"ftp://[2001:db8::1]/x\"", "ftp://[2001:db8::1]/x"),
        ];
        for (text, wanted) in cases {
            assert_eq!(found(&Url, text), [wanted]);
        }
    }

    #[test]
    fn slashes_and_letters_alone_are_none() {
        for other in [
            "://",
            "a://",
            "and//or",
            "http:// nothing",
            "wwww",
            "www. no",
            "xwww.a.b",
            "1://2",
        ] {
            assert!(found(&Url, other).is_empty(), "{other}");
        }
        assert_eq!(found(&Url, "http://a http://b").len(), 2);
    }
}
