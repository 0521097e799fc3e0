//! Verification of a whole log from its files alone.
//!
//! From the top downwards: the signed root vouches for the tiles of the right edge, each hash in a tile vouches for the full
//! tile below it, each leaf hash for its entry. So whatever does not fit is itself what was altered.

use std::collections::BTreeMap;

use cultivar_record::{Digest, LeafIndex, LedgerEntry, canonical_json};
use serde::Serialize;

use crate::{
    LedgerError, TilePath, TileSource, TreeHead, VerifierKey, leaf_hash,
    merkle::{root_above, root_of_edges},
    source::{read_bundle, read_tile},
    tile::{LEVELS, TILE_WIDTH, edge_index, edge_tile},
};

/// What was verified: every entry, every hash, the root and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The log's name.
    pub origin: String,
    /// Entries that the tree head covers.
    pub size: u64,
    /// The root above them.
    pub root: Digest,
    /// Entries whose hash and shape were checked: all.
    pub entries_checked: u64,
    /// Tiles of hashes that were checked.
    pub tiles_checked: u64,
    /// Entries per kind, by the kind's name.
    pub kinds: BTreeMap<String, u64>,
}

/// Verifies a log: the signature of `tree_head`, all tiles under it, all entries under those, and that each entry is the
/// canonical JSON of a [`LedgerEntry`]. Files beyond the tree head's size are not looked at.
///
/// # Errors
/// Those of [`TreeHead::open`], or the first file that is wrong, from the oldest entry on: `ledger::file_missing`,
/// `ledger::file_damaged`, `ledger::tile_altered`, `ledger::entry_altered`, `ledger::entry_not_canonical`, or
/// `ledger::root_mismatch` where files that fit each other lead to another root.
pub fn verify_log(tree_head: &str, key: &VerifierKey, source: &impl TileSource) -> Result<VerifyReport, LedgerError> {
    let head = TreeHead::open(tree_head, key)?;
    let mut check = Check {
        source,
        size: head.size,
        tiles: 0,
        entries: 0,
        kinds: BTreeMap::new(),
    };
    let edges = check.edges(&head)?;
    for (level, hashes) in (0..LEVELS).zip(&edges).rev() {
        if !hashes.is_empty() {
            check.below(level, edge_index(level, head.size), hashes)?;
        }
    }
    Ok(VerifyReport {
        origin: head.origin,
        size: head.size,
        root: head.root,
        entries_checked: check.entries,
        tiles_checked: check.tiles,
        kinds: check.kinds,
    })
}

struct Check<'a, S> {
    source: &'a S,
    size: u64,
    tiles: u64,
    entries: u64,
    kinds: BTreeMap<String, u64>,
}

impl<S: TileSource> Check<'_, S> {
    /// The tiles of the right edge, level by level, which together lead to the signed root.
    fn edges(&mut self, head: &TreeHead) -> Result<Vec<Vec<Digest>>, LedgerError> {
        let mut edges = Vec::new();
        for level in 0..LEVELS {
            edges.push(match edge_tile(level, head.size) {
                None => Vec::new(),
                Some(path) => self.tile(path)?,
            });
        }
        let computed = root_of_edges(&edges);
        if computed == head.root {
            return Ok(edges);
        }
        self.blame(&edges)?;
        Err(LedgerError::RootMismatch {
            size: head.size,
            signed: head.root,
            computed,
        })
    }

    /// Looks for the hash of the right edge that does not fit what lies below it.
    fn blame(&mut self, edges: &[Vec<Digest>]) -> Result<(), LedgerError> {
        for (level, hashes) in (0..LEVELS).zip(edges) {
            let Some(path) = edge_tile(level, self.size) else {
                continue;
            };
            let below = self.roots_below(level, edge_index(level, self.size))?;
            if let Some(position) = hashes.iter().zip(&below).position(|(hash, below)| hash != below) {
                let path = path.to_string();
                return Err(LedgerError::TileAltered { path, position });
            }
        }
        Ok(())
    }

    /// What the hashes of a tile of the right edge should be.
    fn roots_below(&mut self, level: u32, index: u64) -> Result<Vec<Digest>, LedgerError> {
        if level == 0 {
            let entries = read_bundle(self.source, TilePath::entries(index, self.size))?;
            return Ok(entries.iter().map(|entry| leaf_hash(entry)).collect());
        }
        let below = index * TILE_WIDTH..edge_index(level - 1, self.size).min((index + 1) * TILE_WIDTH);
        let tiles = below.map(|index| self.tile(TilePath::hashes(level - 1, index, self.size)));
        tiles.filter_map(|tile| tile.map(root_above).transpose()).collect()
    }

    /// Verifies everything below a tile that is itself verified.
    fn below(&mut self, level: u32, index: u64, hashes: &[Digest]) -> Result<(), LedgerError> {
        if level == 0 {
            return self.bundle(index, hashes);
        }
        for (expected, child) in hashes.iter().zip(index * TILE_WIDTH..) {
            let path = TilePath::hashes(level - 1, child, self.size);
            let tile = self.tile(path)?;
            if root_above(tile.clone()) != Some(*expected) {
                return Err(self.altered(level - 1, child, &tile));
            }
            self.below(level - 1, child, &tile)?;
        }
        Ok(())
    }

    /// The error for a full tile that is not what the tile above it commits to; what lies below may tell the position.
    fn altered(&mut self, level: u32, index: u64, tile: &[Digest]) -> LedgerError {
        let below = self.roots_below(level, index).unwrap_or_default();
        let position = tile.iter().zip(&below).position(|(hash, below)| hash != below);
        LedgerError::TileAltered {
            path: TilePath::hashes(level, index, self.size).to_string(),
            position: position.unwrap_or(0),
        }
    }

    fn tile(&mut self, path: TilePath) -> Result<Vec<Digest>, LedgerError> {
        self.tiles += 1;
        read_tile(self.source, path)
    }

    /// Verifies a bundle against its leaf hashes.
    fn bundle(&mut self, index: u64, leaves: &[Digest]) -> Result<(), LedgerError> {
        let bundle = TilePath::entries(index, self.size);
        let entries = read_bundle(self.source, bundle)?;
        for ((entry, leaf), index) in entries.iter().zip(leaves).zip(index * TILE_WIDTH..) {
            let (index, path) = (LeafIndex(index), bundle.to_string());
            if leaf_hash(entry) != *leaf {
                return Err(LedgerError::EntryAltered { index, path });
            }
            let kind = kind_of(entry).map_err(|reason| LedgerError::EntryNotCanonical { index, path, reason })?;
            *self.kinds.entry(kind).or_default() += 1;
            self.entries += 1;
        }
        Ok(())
    }
}

/// The kind of a canonical entry, or why it is none.
fn kind_of(entry: &[u8]) -> Result<String, String> {
    let parsed: LedgerEntry = serde_json::from_slice(entry).map_err(|e| place_of(&e))?;
    let canonical = canonical_json(&parsed).map_err(|e| e.to_string())?;
    if canonical.as_bytes() == entry {
        Ok(parsed.kind.name())
    } else {
        Err("its fields, their order or their spelling are others".to_owned())
    }
}

/// Where a parser stopped, without the text that it may have met there.
fn place_of(error: &serde_json::Error) -> String {
    format!("a parser stopped at line {}, column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Files, signer};
    use proptest::prelude::*;

    fn verify(files: &Files) -> Result<VerifyReport, LedgerError> {
        verify_log(&files.signed_head(), &signer().verifier_key(), files)
    }

    #[test]
    fn whole_logs_verify_at_sizes_around_the_borders_of_tiles() {
        for size in [0, 1, 255, 256, 257, 512, 700] {
            let report = verify(&Files::of(size)).unwrap();
            assert_eq!((report.size, report.entries_checked), (size, size));
            assert_eq!(report.kinds.values().sum::<u64>(), size);
            assert_eq!(report.kinds.len(), usize::from(size > 0) + usize::from(size > 1));
        }
    }

    #[test]
    fn a_log_of_three_levels_verifies_and_names_what_is_wrong_in_it() {
        let files = Files::of(65_800);
        let report = verify(&files).unwrap();
        assert_eq!(report.entries_checked, 65_800);
        assert_eq!(report.tiles_checked, 258 + 2 + 1);
        for path in [
            "tile/0/100",
            "tile/0/256",
            "tile/0/257.p/8",
            "tile/1/000",
            "tile/1/001.p/1",
            "tile/2/000.p/1",
        ] {
            let mut altered = files.clone();
            altered.change(path.parse().unwrap(), |bytes| bytes[7] ^= 1);
            let path = path.to_owned();
            assert_eq!(verify(&altered), Err(LedgerError::TileAltered { path, position: 0 }));
        }
    }

    #[test]
    fn an_altered_entry_is_named() {
        for index in [0, 255, 256, 299] {
            let files = Files::of(300);
            let path = if index < 256 {
                "tile/entries/000"
            } else {
                "tile/entries/001.p/44"
            };
            let mut altered = files.clone();
            altered.change(path.parse().unwrap(), |bytes| {
                let place = bytes
                    .windows(16)
                    .position(|w| w.starts_with(format!("exchange-{index}\"").as_bytes()));
                bytes[place.unwrap()] = b'E';
            });
            let (index, path) = (LeafIndex(index), path.to_owned());
            assert_eq!(verify(&altered), Err(LedgerError::EntryAltered { index, path }));
        }
    }

    #[test]
    fn a_missing_file_is_named_unless_the_full_one_took_its_place() {
        let files = Files::of(300);
        for (path, _) in files.all() {
            let mut without = files.clone();
            without.remove(path);
            let path = path.to_string();
            assert_eq!(verify(&without), Err(LedgerError::FileMissing { path }));
        }
        let mut grown = Files::of(300);
        let old_head = grown.signed_head();
        grown.append(&(300..512).map(crate::testing::entry).collect::<Vec<_>>());
        let key = signer().verifier_key();
        assert!(matches!(
            verify_log(&old_head, &key, &grown),
            Err(LedgerError::FileMissing { .. })
        ));
        let without_first_level = |path: &TilePath| {
            let is_top = path.to_string() == "tile/1/000.p/1";
            if is_top { files.read(path) } else { grown.read(path) }
        };
        assert_eq!(verify_log(&old_head, &key, &without_first_level).unwrap().size, 300);
    }

    #[test]
    fn a_head_of_another_history_is_refused() {
        let head = Files::of(299).head();
        let forged = TreeHead::sign(&signer(), 300, &head.root);
        let error = verify_log(&forged, &signer().verifier_key(), &Files::of(300)).unwrap_err();
        assert!(matches!(error, LedgerError::RootMismatch { size: 300, .. }), "{error}");
    }

    #[test]
    fn an_entry_that_was_committed_but_is_not_canonical_is_named() {
        for text in ["{}", "not JSON", "[\"a\"]", "{\"v\": 1}"] {
            let mut files = Files::of(2);
            files.append(&[text]);
            let error = verify(&files).unwrap_err();
            let LedgerError::EntryNotCanonical { index, reason, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(index, LeafIndex(2));
            assert!(!reason.contains(text), "{reason}");
        }
        let spaced = String::from_utf8(crate::testing::entry(2))
            .unwrap()
            .replace(",\"v\"", ", \"v\"");
        let mut files = Files::of(2);
        files.append(&[spaced]);
        assert!(matches!(verify(&files), Err(LedgerError::EntryNotCanonical { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn every_change_of_one_byte_in_any_file_is_caught(
            file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1_u8..,
        ) {
            let mut files = Files::of(300);
            let path = files.all()[file.index(files.all().len())].0;
            files.change(path, |bytes| *at.get_mut(bytes) ^= flip);
            prop_assert!(verify(&files).is_err(), "{}", path);
        }

        #[test]
        fn every_cut_and_every_longer_file_is_caught(file in any::<prop::sample::Index>(), cut in 1_usize..70, byte in any::<u8>()) {
            let files = Files::of(300);
            let path = files.all()[file.index(files.all().len())].0;
            let mut shorter = files.clone();
            shorter.change(path, |bytes| bytes.truncate(bytes.len().saturating_sub(cut)));
            prop_assert!(verify(&shorter).is_err(), "{}", path);
            let mut longer = files.clone();
            longer.change(path, |bytes| bytes.extend(vec![byte; cut]));
            prop_assert!(verify(&longer).is_err(), "{}", path);
        }
    }
}
