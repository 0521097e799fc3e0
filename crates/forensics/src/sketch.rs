//! Near-duplicates among many texts: `MinHash` sketches find candidates, exact Jaccard similarity decides.
//!
//! Two texts become candidates when all the rows of at least one band of their sketches agree. A pair of similarity s is
//! therefore missed with probability (1 - s^rows)^bands, which [`Banding::miss_probability`] computes; [`Banding::for_threshold`]
//! keeps it at or below 0.1 % for a pair exactly at the threshold, and less for closer pairs. A pair below the threshold is never
//! called near, because every candidate is checked exactly.
//!
//! Source: Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use cultivar_record::Seed;

use crate::shingles::{jaccard, shingles};

/// Minima in a sketch.
const MINIMA: u32 = 128;
/// Largest probability of missing a pair that is exactly at the threshold.
const MOST_MISSED: f64 = 1e-3;
/// The end of a list of entries.
const NONE: usize = usize::MAX;

/// How the minima of a sketch are bundled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Banding {
    /// Bundles: one must agree.
    pub bands: u32,
    /// Minima in a bundle: all must agree.
    pub rows: u32,
}

impl Banding {
    /// The banding with most rows (fewest false candidates) that misses at most 0.1 % of pairs at the threshold. Below a
    /// threshold of 0.053 no banding of 128 minima does; then it is one row each.
    pub fn for_threshold(threshold: f64) -> Self {
        let bandings = (1..=MINIMA).map(|rows| Self {
            bands: MINIMA / rows,
            rows,
        });
        let enough = bandings.take_while(|banding| banding.miss_probability(threshold) <= MOST_MISSED);
        enough.last().unwrap_or(Self { bands: MINIMA, rows: 1 })
    }

    /// The probability that a pair of this similarity (0 to 1) never becomes a candidate.
    pub fn miss_probability(&self, similarity: f64) -> f64 {
        (1.0 - similarity.powf(f64::from(self.rows))).powf(f64::from(self.bands))
    }
}

/// Texts by group. Each text is near the first of its group; the firsts were not found near each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    firsts: Vec<usize>,
}

impl Groups {
    /// For each text, in order, the place of the first text of its group: its own place where it is the first.
    pub fn firsts(&self) -> &[usize] {
        &self.firsts
    }

    /// For each text, in order, whether it is the first of its group and so to be kept.
    pub fn kept(&self) -> Vec<bool> {
        self.firsts
            .iter()
            .enumerate()
            .map(|(place, first)| place == *first)
            .collect()
    }
}

/// Groups texts by similarity: each text joins the earliest kept text with which it shares at least `threshold` (0 to 1, of
/// their three-word shingles, by Jaccard), or else is kept itself. The same texts, threshold and seed give the same groups.
pub fn near_duplicates<T: AsRef<str>>(texts: &[T], threshold: f64, seed: Seed) -> Groups {
    let banding = Banding::for_threshold(threshold);
    let multipliers = multipliers(seed, banding.bands * banding.rows);
    let mut index = Index::new(banding);
    let firsts = texts.iter().enumerate().map(|(place, text)| {
        let shingles = shingles(text.as_ref());
        let keys = index.keys(&minima(&shingles, &multipliers));
        let near = index.candidates(&keys).into_iter().find(|kept| {
            let other = index.kept.get(*kept).map_or(&[][..], |kept| &kept.shingles);
            jaccard(&shingles, other) >= threshold
        });
        if let Some(kept) = near.and_then(|kept| index.kept.get(kept)) {
            return kept.place;
        }
        index.keep(Kept { place, shingles }, &keys);
        place
    });
    let firsts = firsts.collect();
    Groups { firsts }
}

struct Kept {
    place: usize,
    shingles: Vec<u64>,
}

/// The kept texts by the keys of their bands. An entry is one band of one kept text; entries of one key form a list.
struct Index {
    banding: Banding,
    kept: Vec<Kept>,
    newest: HashMap<u64, usize, BuildHasherDefault<AlreadyMixed>>,
    older: Vec<usize>,
}

impl Index {
    fn new(banding: Banding) -> Self {
        Self {
            banding,
            kept: Vec::new(),
            newest: HashMap::default(),
            older: Vec::new(),
        }
    }

    /// One key per band: equal where band and minima are.
    fn keys(&self, minima: &[u32]) -> Vec<u64> {
        let rows = usize::try_from(self.banding.rows).unwrap_or(1);
        let bands = minima.chunks_exact(rows).enumerate();
        let start = |band: usize| mix(u64::try_from(band).unwrap_or_default());
        bands
            .map(|(band, rows)| rows.iter().fold(start(band), |key, row| mix(key ^ u64::from(*row))))
            .collect()
    }

    /// The kept texts that share a band, earliest first.
    fn candidates(&self, keys: &[u64]) -> Vec<usize> {
        let mut found = Vec::new();
        for key in keys {
            let mut entry = self.newest.get(key).copied().unwrap_or(NONE);
            while let Some(older) = self.older.get(entry) {
                found.push(entry / keys.len());
                entry = *older;
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn keep(&mut self, kept: Kept, keys: &[u64]) {
        self.kept.push(kept);
        for key in keys {
            let older = self.newest.insert(*key, self.older.len());
            self.older.push(older.unwrap_or(NONE));
        }
    }
}

/// For each multiplier the least hash of any shingle: a sample of the set that two sets share with probability Jaccard.
/// Hashes are the upper half of a product with an odd number (Dietzfelbinger et al. 1997); shingles are mixed already.
fn minima(shingles: &[u64], multipliers: &[u64]) -> Vec<u32> {
    let mut minima = vec![u32::MAX; multipliers.len()];
    for shingle in shingles {
        for (least, multiplier) in minima.iter_mut().zip(multipliers) {
            let hash = (shingle.wrapping_mul(*multiplier) >> 32) as u32;
            *least = hash.min(*least);
        }
    }
    minima
}

fn multipliers(seed: Seed, count: u32) -> Vec<u64> {
    let start = mix(seed.get());
    (0..count)
        .map(|place| mix(start.wrapping_add(u64::from(place))) | 1)
        .collect()
}

/// A bijection of 64 bits that spreads each bit over all. Source: Steele, Lea and Flood 2014, "Fast splittable
/// pseudorandom number generators" (`SplitMix64`).
pub(crate) const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Keys are mixed when they are made: hashing them again would only cost time.
#[derive(Default)]
struct AlreadyMixed(u64);

impl Hasher for AlreadyMixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| mix(hash ^ u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sets of `size` numbers of which `shared` are in both, sorted.
    fn pair(salt: u64, size: u64, shared: u64) -> [Vec<u64>; 2] {
        let set = |own: u64| {
            let numbers = (0..size).map(|place| if place < shared { place } else { place + own * size });
            let mut set: Vec<u64> = numbers.map(|number| mix(number ^ mix(salt))).collect();
            set.sort_unstable();
            set
        };
        [set(1), set(2)]
    }

    #[test]
    fn bandings_keep_their_promise() {
        assert_eq!(Banding::for_threshold(0.8), Banding { bands: 25, rows: 5 });
        assert_eq!(Banding::for_threshold(1.0), Banding { bands: 1, rows: 128 });
        for percent in 6..=100 {
            let threshold = f64::from(percent) / 100.0;
            let banding = Banding::for_threshold(threshold);
            assert!(
                banding.miss_probability(threshold) <= MOST_MISSED,
                "{banding:?} at {threshold}"
            );
        }
    }

    /// Simulation: 2,000 pairs of known similarity. The share of equal minima estimates Jaccard within 4 standard errors.
    #[test]
    fn minima_agree_as_often_as_the_sets_do() {
        for (size, shared) in [(40_u32, 10_u32), (40, 20), (60, 50)] {
            let mut agreed = 0_u32;
            for salt in 0..2_000 {
                let [left, right] = pair(salt, size.into(), shared.into());
                let multipliers = multipliers(Seed::new(salt), MINIMA);
                let (left, right) = (minima(&left, &multipliers), minima(&right, &multipliers));
                agreed += u32::try_from(left.iter().zip(&right).filter(|(a, b)| a == b).count()).unwrap();
            }
            let draws = 2_000.0 * f64::from(MINIMA);
            let (found, wanted) = (f64::from(agreed) / draws, jaccard_of(size, shared));
            let error = (wanted * (1.0 - wanted) / draws).sqrt();
            assert!((found - wanted).abs() < 4.0 * error, "{found} for {wanted}");
        }
    }

    /// Simulation: 4,000 pairs at similarity 0.5 under the banding for 0.8. The share of missed pairs is what is promised.
    #[test]
    fn candidates_are_missed_as_often_as_the_banding_says() {
        let banding = Banding::for_threshold(0.8);
        let (size, shared, pairs) = (60_u32, 40_u32, 4_000);
        let mut missed = 0_u32;
        for salt in 0..pairs {
            let [left, right] = pair(salt, size.into(), shared.into());
            let multipliers = multipliers(Seed::new(salt), banding.bands * banding.rows);
            let mut index = Index::new(banding);
            let keys = index.keys(&minima(&left, &multipliers));
            index.keep(
                Kept {
                    place: 0,
                    shingles: left,
                },
                &keys,
            );
            missed += u32::from(index.candidates(&index.keys(&minima(&right, &multipliers))).is_empty());
        }
        let wanted = banding.miss_probability(jaccard_of(size, shared));
        let (found, pairs) = (f64::from(missed) / 4_000.0, 4_000.0);
        let error = (wanted * (1.0 - wanted) / pairs).sqrt();
        assert!((found - wanted).abs() < 4.0 * error, "{found} for {wanted}");
    }

    fn jaccard_of(size: u32, shared: u32) -> f64 {
        f64::from(shared) / f64::from(2 * size - shared)
    }
}
