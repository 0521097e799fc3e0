//! A text as the set of its short word sequences, without case, punctuation and spacing.

use crate::sketch::mix;

/// Words per shingle. Fewer make short texts of one subject look alike; more make one changed word weigh too much.
const WORDS: usize = 3;

/// The 64-bit hashes of all shingles, sorted, each once; a text of fewer words than a shingle is one shingle; a text
/// without words has none. A character of a script without spaces between words (Han, kana, Thai …) counts as a word.
pub(crate) fn shingles(text: &str) -> Vec<u64> {
    let words = words(text);
    let mut shingles: Vec<u64> = match words.len() {
        0 => Vec::new(),
        count if count < WORDS => vec![joined(&words)],
        _ => words.windows(WORDS).map(joined).collect(),
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// The share of shingles that two texts have in common: 0 to 1, and 1 where both have none. Both sorted, each once.
/// Source: Jaccard 1901; Broder 1997, "On the resemblance and containment of documents".
pub(crate) fn jaccard(left: &[u64], right: &[u64]) -> f64 {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let (mut shared, mut all) = (0_u32, 0_u32);
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.cmp(b),
        };
        all += 1;
        shared += u32::from(order.is_eq());
        if order.is_le() {
            left.next();
        }
        if order.is_ge() {
            right.next();
        }
    }
    if all == 0 {
        1.0
    } else {
        f64::from(shared) / f64::from(all)
    }
}

fn joined(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash, word| mix(hash ^ word))
}

/// The hashes of the words, in order.
fn words(text: &str) -> Vec<u64> {
    let mut words = Vec::new();
    let mut open: Option<u64> = None;
    for character in text.chars().flat_map(char::to_lowercase) {
        let is_alone = is_unspaced(character);
        if is_alone || !character.is_alphanumeric() {
            words.extend(open.take());
        }
        if is_alone {
            words.push(mix(u64::from(character)));
        } else if character.is_alphanumeric() {
            open = Some(mix(open.unwrap_or_default() ^ u64::from(character)));
        }
    }
    words.extend(open);
    words
}

/// Letters of scripts that are written without spaces between words.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_punctuation_and_spacing_do_not_count() {
        assert_eq!(shingles("Two lattes, please!"), shingles("  two LATTES\nplease"));
        assert_ne!(shingles("two lattes please"), shingles("please two lattes"));
        assert_eq!(shingles(" ... "), Vec::<u64>::new());
        assert_eq!(shingles("Yes").len(), 1);
        assert_eq!(shingles("我要一杯拿铁").len(), 4);
    }

    #[test]
    fn jaccard_counts_what_is_shared() {
        let near = |similarity: f64, wanted: f64| assert!((similarity - wanted).abs() < 1e-12, "{similarity}");
        near(jaccard(&[], &[]), 1.0);
        near(jaccard(&[1], &[]), 0.0);
        near(jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
        near(jaccard(&[1, 2, 3], &[1, 2, 3]), 1.0);
    }
}
