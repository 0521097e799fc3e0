//! Reading digits: groups of ASCII digits, what stands around them, and the words before them.

use std::ops::Range;

/// How far back a word may stand and still speak of a number, in bytes.
const CUE_REACH: usize = 40;

/// The groups of ASCII digits of a text, left to right.
pub(crate) fn groups(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(u8::is_ascii_digit)?;
        let rest = bytes.get(start..)?;
        let length = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        at = start + length;
        Some(start..at)
    })
}

/// Groups of digits that belong together: one or two of ` -./()` between them, no more.
pub(crate) fn chains(text: &str) -> impl Iterator<Item = Vec<Range<usize>>> {
    let mut groups = groups(text).peekable();
    std::iter::from_fn(move || {
        let mut chain = vec![groups.next()?];
        while let Some(next) = groups.next_if(|next| joined(text, &chain, next)) {
            chain.push(next);
        }
        Some(chain)
    })
}

fn joined(text: &str, chain: &[Range<usize>], next: &Range<usize>) -> bool {
    let between = chain
        .last()
        .and_then(|last| text.get(last.end..next.start))
        .unwrap_or_default();
    let separators = between
        .bytes()
        .all(|byte| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')'));
    separators && between.len() <= 2
}

/// The values of the digits in a text, 0 to 9.
pub(crate) fn values(text: &str) -> Vec<u8> {
    text.bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| byte - b'0')
        .collect()
}

/// The text with its digits replaced, one after the other; what is no digit stays.
pub(crate) fn with_digits(text: &str, digits: &[u8]) -> String {
    let mut digits = digits.iter();
    text.chars()
        .map(|character| match digits.as_slice().first() {
            Some(digit) if character.is_ascii_digit() => {
                digits.next();
                char::from(b'0' + digit % 10)
            }
            _ => character,
        })
        .collect()
}

/// Whether a number may begin here: it is not the tail of a longer number, a price, or a word.
pub(crate) fn begins_at(text: &str, start: usize) -> bool {
    let mut before = text.as_bytes().get(..start).unwrap_or_default().iter().rev();
    match before.next() {
        None => true,
        Some(b'.' | b',' | b'-') => !before.next().is_some_and(u8::is_ascii_digit),
        Some(byte) => !(byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_' | b'+')),
    }
}

/// Whether a number may end here: it is not the head of a longer number, a share, or a word.
pub(crate) fn ends_at(text: &str, end: usize) -> bool {
    let mut after = text.as_bytes().get(end..).unwrap_or_default().iter();
    match after.next() {
        None => true,
        Some(b'.' | b',' | b'-') => !after.next().is_some_and(u8::is_ascii_digit),
        Some(byte) => !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%')),
    }
}

/// Whether one of the words (lower case; or a text in a script without spaces) stands shortly before.
pub(crate) fn is_cued(text: &str, start: usize, words: &[&str], phrases: &[&str]) -> bool {
    let from = text.floor_char_boundary(start.saturating_sub(CUE_REACH));
    let before = text.get(from..start).unwrap_or_default();
    let mut said = before.split(|character: char| !character.is_ascii_alphabetic());
    said.any(|word| words.iter().any(|cue| word.eq_ignore_ascii_case(cue)))
        || phrases.iter().any(|phrase| before.contains(phrase))
}

/// Whether one of the words (lower case) stands right behind.
pub(crate) fn is_named(text: &str, end: usize, words: &[&str]) -> bool {
    let behind = text.get(end..).unwrap_or_default();
    let marks = behind
        .bytes()
        .take(3)
        .take_while(|byte| matches!(byte, b' ' | b'-' | b'(' | b','))
        .count();
    let behind = behind.get(marks..).unwrap_or_default();
    let length = behind
        .bytes()
        .take(CUE_REACH)
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let word = behind.get(..length).unwrap_or_default();
    words.iter().any(|name| word.eq_ignore_ascii_case(name))
}
