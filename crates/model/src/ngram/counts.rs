//! Interpolated Kneser-Ney estimates with three discounts per order. Source: Chen & Goodman 1998, "An Empirical Study of
//! Smoothing Techniques for Language Modeling", section 3 (modified Kneser-Ney) and equation 26 for the discounts.
//!
//! Knows token ids only. The shortest context falls back to equal shares, so no token ever has probability 0.

use std::collections::HashMap;

/// How often each token followed a context: as it was for the longest contexts, and in how many different longer contexts
/// for the others.
type Followers = HashMap<u32, u32>;

/// Stands before the first token of a row.
const START: u32 = u32::MAX;

/// One length of context.
#[derive(Clone, Debug)]
struct Level {
    followers: HashMap<Box<[u32]>, Followers>,
    /// What is taken from a count of 1, of 2, and of 3 or more.
    discounts: [f64; 3],
}

/// All lengths of context, from none up to `order - 1` tokens.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    levels: Vec<Level>,
    alphabet: usize,
}

impl Counts {
    pub(super) fn train(rows: &[Vec<u32>], order: usize, alphabet: usize) -> Self {
        let mut tables: Vec<HashMap<Box<[u32]>, Followers>> = vec![HashMap::new(); order];
        for row in rows {
            let padded: Vec<u32> = std::iter::repeat_n(START, order - 1)
                .chain(row.iter().copied())
                .collect();
            for window in padded.windows(order) {
                count(&mut tables, window);
            }
        }
        let levels = tables.into_iter().map(|followers| Level {
            discounts: discounts(&followers),
            followers,
        });
        Self {
            levels: levels.collect(),
            alphabet,
        }
    }

    /// The probability of each token after the tokens `before`, `[alphabet]`.
    pub(super) fn probabilities(&self, before: &[u32]) -> Vec<f64> {
        let mut shares = vec![1.0 / self.alphabet as f64; self.alphabet];
        for (level, followers) in self.known(before) {
            let (total, kept) = level.totals(followers);
            for share in &mut shares {
                *share *= kept / total;
            }
            for (token, count) in followers {
                if let Some(share) = shares.get_mut(*token as usize) {
                    *share += level.discounted(*count) / total;
                }
            }
        }
        shares
    }

    /// The probability of one token after the tokens `before`.
    pub(super) fn probability(&self, before: &[u32], token: u32) -> f64 {
        self.known(before)
            .fold(1.0 / self.alphabet as f64, |share, (level, followers)| {
                let (total, kept) = level.totals(followers);
                let own = followers.get(&token).map_or(0.0, |count| level.discounted(*count));
                (own + kept * share) / total
            })
    }

    /// The contexts that were seen, from none to the longest.
    fn known(&self, before: &[u32]) -> impl Iterator<Item = (&Level, &Followers)> {
        let longest = self.levels.len() - 1;
        let missing = longest.saturating_sub(before.len());
        let recent = before.get(before.len().saturating_sub(longest)..).unwrap_or_default();
        let padded: Vec<u32> = std::iter::repeat_n(START, missing)
            .chain(recent.iter().copied())
            .collect();
        self.levels.iter().enumerate().map_while(move |(length, level)| {
            let context = padded.get(longest - length..)?;
            Some((level, level.followers.get(context)?))
        })
    }
}

/// Counts an n-gram, and its ending in the next shorter table wherever the n-gram is new: a token counts there once per
/// different token before it.
fn count(tables: &mut [HashMap<Box<[u32]>, Followers>], ngram: &[u32]) {
    let (Some((table, shorter)), [context @ .., token]) = (tables.split_last_mut(), ngram) else {
        return;
    };
    if !table.contains_key(context) {
        table.insert(context.into(), Followers::new());
    }
    let Some(count_of) = table
        .get_mut(context)
        .map(|followers| followers.entry(*token).or_default())
    else {
        return;
    };
    *count_of += 1;
    if let (1, [_, ending @ ..]) = (*count_of, ngram) {
        count(shorter, ending);
    }
}

impl Level {
    fn discounted(&self, count: u32) -> f64 {
        let [one, two, more] = self.discounts;
        f64::from(count) - [0.0, one, two].get(count as usize).copied().unwrap_or(more)
    }

    /// The sum of the counts, and what the discounts take from them.
    fn totals(&self, followers: &Followers) -> (f64, f64) {
        let total: f64 = followers.values().map(|count| f64::from(*count)).sum();
        let left: f64 = followers.values().map(|count| self.discounted(*count)).sum();
        (total, total - left)
    }
}

/// The three discounts of a table, from how many n-grams it holds once, twice, three and four times.
fn discounts(followers: &HashMap<Box<[u32]>, Followers>) -> [f64; 3] {
    let mut times = [0_u32; 5];
    for count in followers.values().flat_map(HashMap::values) {
        if let Some(times) = times.get_mut(*count as usize) {
            *times += 1;
        }
    }
    let [_, n1, n2, n3, n4] = times.map(f64::from);
    let y = n1 / (n1 + 2.0 * n2);
    // Where a table is too small for the estimate, half of a count is taken: never nothing, never all of it.
    let checked = |discount: f64, count: f64| {
        if discount > 0.0 && discount < count {
            discount
        } else {
            0.5
        }
    };
    [
        checked(1.0 - 2.0 * y * n2 / n1, 1.0),
        checked(2.0 - 3.0 * y * n3 / n2, 2.0),
        checked(3.0 - 4.0 * y * n4 / n3, 3.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<u32>> {
        (0..40_u32)
            .map(|i| (0..12).map(|j| (i * j + j * j * 3 + i / 7) % 9).collect())
            .collect()
    }

    #[test]
    fn shares_sum_to_one_and_agree_with_single_probabilities() {
        for order in [1, 2, 4, 6] {
            let counts = Counts::train(&rows(), order, 11);
            for before in [&[][..], &[3], &[1, 2, 3, 4, 5, 6, 7], &[10, 10], &rows()[5][..6]] {
                let shares = counts.probabilities(before);
                let total: f64 = shares.iter().sum();
                assert!((total - 1.0).abs() < 1e-9, "order {order}: {total}");
                for (token, share) in (0..).zip(shares) {
                    assert!(share > 0.0);
                    assert!((counts.probability(before, token) - share).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_token_that_follows_many_contexts_gets_more_in_a_new_one() {
        // Token 1 is the most frequent, but only ever after 0; token 2 follows five different tokens.
        let mut rows = vec![vec![0, 1]; 20];
        rows.extend((3..8).map(|token| vec![token, 2]));
        let counts = Counts::train(&rows, 2, 10);
        assert!(counts.probability(&[9], 2) > 2.0 * counts.probability(&[9], 1));
        assert!(counts.probability(&[0], 1) > 0.9);
    }
}
