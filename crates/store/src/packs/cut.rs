//! Cuts a body where long JSON values begin and end, and joins it again. Knows brackets and quotes, not what they mean: cutting
//! anything anywhere is right as long as joining gives the same bytes.

use std::{cell::RefCell, ops::Range};

use cultivar_record::Digest;

use crate::StoreError;

/// Parts from this length on, in bytes, are kept apart: shorter ones cost more than they save.
pub(super) const LONG: usize = 1_024;
/// How deep values are looked at: the members of a body, and the elements of its lists of messages.
const DEEPEST: usize = 2;
const TEXT: u8 = 0;
const PART: u8 = 1;

/// The long values of a body, in order and apart from each other: elements of its lists, and members that are text.
pub(super) fn long_parts(body: &[u8]) -> Vec<Range<usize>> {
    if body.len() < LONG || body.first() != Some(&b'{') {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => {
                let end = end_of_text(body, at);
                if starts.len() == 1 && end - at >= LONG {
                    parts.push(at..end);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => starts.push(at),
            b'}' | b']' => {
                let start = starts.pop().unwrap_or(at);
                if starts.len() == DEEPEST && at + 1 - start >= LONG {
                    parts.push(start..at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    parts
}

/// One past the quote that ends the text that begins here.
fn end_of_text(body: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    body.len()
}

pub(super) fn push_text(pieces: &mut Vec<u8>, text: &[u8]) {
    pieces.push(TEXT);
    pieces.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    pieces.extend_from_slice(text);
}

pub(super) fn push_part(pieces: &mut Vec<u8>, digest: &Digest) {
    pieces.push(PART);
    pieces.extend_from_slice(digest.as_bytes());
}

/// The body that was cut into these pieces.
pub(super) fn join(
    pieces: &[u8],
    part: impl Fn(&Digest) -> Result<Vec<u8>, StoreError>,
) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::UnreadableRecord {
        reason: "the pieces of a body are damaged".to_owned(),
    };
    let mut body = Vec::new();
    let mut rest = pieces;
    while let Some((kind, after)) = rest.split_first() {
        if *kind == PART {
            let (digest, after) = after.split_first_chunk::<32>().ok_or_else(damaged)?;
            body.extend_from_slice(&part(&Digest::from_raw(*digest))?);
            rest = after;
        } else {
            let (length, after) = after.split_first_chunk::<4>().ok_or_else(damaged)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (text, after) = after.split_at_checked(length).ok_or_else(damaged)?;
            body.extend_from_slice(text);
            rest = after;
        }
    }
    Ok(body)
}

/// The parts that some pieces name. Pieces that are damaged name those before the damage.
pub(super) fn parts(pieces: &[u8]) -> Vec<Digest> {
    let named = RefCell::new(Vec::new());
    let name = |digest: &Digest| {
        named.borrow_mut().push(*digest);
        Ok(Vec::new())
    };
    let _ = join(pieces, name);
    named.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(body: &[u8]) -> Vec<u8> {
        let mut pieces = Vec::new();
        let mut kept = Vec::new();
        let mut end = 0;
        for range in long_parts(body) {
            let digest = Digest::of_bytes(&body[range.clone()]);
            kept.push((digest, body[range.clone()].to_vec()));
            push_text(&mut pieces, &body[end..range.start]);
            push_part(&mut pieces, &digest);
            end = range.end;
        }
        push_text(&mut pieces, &body[end..]);
        join(&pieces, |digest| {
            Ok(kept.iter().find(|(d, _)| d == digest).unwrap().1.clone())
        })
        .unwrap()
    }

    #[test]
    fn a_long_message_is_a_part_of_its_own_and_joining_gives_the_same_bytes() {
        let long = "x\\\"]}".repeat(400);
        let body = format!(
            r#"{{"model":"m","instructions":"{long}","messages":[{{"role":"system","content":"{long}"}},{{"role":"user","content":"hi"}}]}}"#
        );
        let parts = long_parts(body.as_bytes());
        assert_eq!(parts.len(), 2);
        assert!(body[parts[1].clone()].starts_with(r#"{"role":"system""#));
        assert_eq!(round_trip(body.as_bytes()), body.as_bytes());
    }

    #[test]
    fn what_is_no_json_is_joined_to_the_same_bytes() {
        for body in [
            "{".repeat(3000),
            format!("{{\"{}", "a\\".repeat(3000)),
            "}]".repeat(2000),
        ] {
            assert_eq!(round_trip(body.as_bytes()), body.as_bytes());
        }
    }
}
