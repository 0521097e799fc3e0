//! Proofs and entries out of the files of a published log.

use std::collections::BTreeMap;

use cultivar_record::{Digest, LeafIndex};

use crate::{
    ConsistencyProof, InclusionProof, LedgerError, TilePath, TileSource,
    merkle::{empty_root, node_hash, root_above},
    source::{read_bundle, read_tile},
    tile::TILE_WIDTH,
};

/// A log of `size` entries whose files `source` brings. What is read is not checked against a tree head here: proofs
/// carry their own check, and [`crate::verify_log`] checks all.
#[derive(Debug)]
pub struct PublishedLog<'a, S> {
    size: u64,
    source: &'a S,
}

impl<'a, S: TileSource> PublishedLog<'a, S> {
    /// The log of this size, taken from its current tree head: partial files of older sizes may be gone.
    pub fn new(size: u64, source: &'a S) -> Self {
        Self { size, source }
    }

    /// An entry's bytes.
    ///
    /// # Errors
    /// `ledger::out_of_range`, or what is wrong with its bundle.
    pub fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, LedgerError> {
        in_range("entry", index.0, index.0 < self.size, self.size)?;
        let path = TilePath::entries(index.0 / TILE_WIDTH, self.size);
        let place = usize::try_from(index.0 % TILE_WIDTH).unwrap_or(usize::MAX);
        let entry = read_bundle(self.source, path)?.into_iter().nth(place);
        entry.ok_or_else(|| LedgerError::FileMissing { path: path.to_string() })
    }

    /// The root when the log had `size` entries.
    ///
    /// # Errors
    /// `ledger::out_of_range`, or what is wrong with the tiles read.
    pub fn root_at(&self, size: u64) -> Result<Digest, LedgerError> {
        in_range("tree size", size, size <= self.size, self.size)?;
        if size == 0 {
            return Ok(empty_root());
        }
        Nodes::of(self).root_of(0, size)
    }

    /// That the entry at `index` is in the tree of `size` entries. Source: RFC 6962, section 2.1.1.
    ///
    /// # Errors
    /// `ledger::out_of_range`, or what is wrong with the tiles read.
    pub fn inclusion_proof(&self, index: LeafIndex, size: u64) -> Result<InclusionProof, LedgerError> {
        in_range("tree size", size, size <= self.size, self.size)?;
        in_range("entry", index.0, index.0 < size, size)?;
        let mut nodes = Nodes::of(self);
        let mut path = Vec::new();
        let (mut first, mut end) = (0, size);
        while end - first > 1 {
            let middle = first + split(end - first);
            if index.0 < middle {
                path.push(nodes.root_of(middle, end)?);
                end = middle;
            } else {
                path.push(nodes.root_of(first, middle)?);
                first = middle;
            }
        }
        path.reverse();
        Ok(InclusionProof { index, size, path })
    }

    /// That the tree of `new` entries begins with the tree of `old` entries. Source: RFC 6962, section 2.1.2.
    ///
    /// # Errors
    /// `ledger::out_of_range`, or what is wrong with the tiles read.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<ConsistencyProof, LedgerError> {
        in_range("tree size", new, new <= self.size, self.size)?;
        in_range("tree size", old, old <= new, new)?;
        let mut path = Vec::new();
        if old > 0 && old < new {
            let mut nodes = Nodes::of(self);
            let (mut first, mut end) = (0, new);
            while end != old {
                let middle = first + split(end - first);
                if old <= middle {
                    path.push(nodes.root_of(middle, end)?);
                    end = middle;
                } else {
                    path.push(nodes.root_of(first, middle)?);
                    first = middle;
                }
            }
            if first > 0 {
                path.push(nodes.root_of(first, end)?);
            }
            path.reverse();
        }
        Ok(ConsistencyProof { old, new, path })
    }
}

fn in_range(what: &'static str, value: u64, holds: bool, size: u64) -> Result<(), LedgerError> {
    holds.then_some(()).ok_or(LedgerError::OutOfRange { what, value, size })
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Nodes of the tree, each tile read once.
struct Nodes<'a, S> {
    log: &'a PublishedLog<'a, S>,
    tiles: BTreeMap<TilePath, Vec<Digest>>,
}

impl<'a, S: TileSource> Nodes<'a, S> {
    fn of(log: &'a PublishedLog<'a, S>) -> Self {
        Self {
            log,
            tiles: BTreeMap::new(),
        }
    }

    /// The root above the entries `first..end`, of which `first` is a node's border: perfect subtrees from the left,
    /// joined from the right.
    fn root_of(&mut self, mut first: u64, end: u64) -> Result<Digest, LedgerError> {
        let mut subtrees = Vec::new();
        while first < end {
            let height = (end - first).ilog2();
            subtrees.push(self.perfect(first, height)?);
            first += 1 << height;
        }
        let root = subtrees
            .into_iter()
            .rev()
            .reduce(|right, left| node_hash(&left, &right));
        Ok(root.unwrap_or_else(empty_root))
    }

    /// The root of the perfect tree over `2^height` entries from `first` on: a run of hashes in one tile.
    fn perfect(&mut self, first: u64, height: u32) -> Result<Digest, LedgerError> {
        let (level, run) = (height / 8, 1_usize << (height % 8));
        let node = first >> (8 * level);
        let path = TilePath::hashes(level, node / TILE_WIDTH, self.log.size);
        if !self.tiles.contains_key(&path) {
            self.tiles.insert(path, read_tile(self.log.source, path)?);
        }
        let start = usize::try_from(node % TILE_WIDTH).unwrap_or(usize::MAX);
        let hashes = self.tiles.get(&path).and_then(|tile| tile.get(start..start + run));
        let root = hashes.and_then(|hashes| root_above(hashes.to_vec()));
        root.ok_or_else(|| LedgerError::FileMissing { path: path.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        leaf_hash,
        testing::{Files, entry, root_by_definition},
    };
    use proptest::prelude::*;

    #[test]
    fn every_inclusion_proof_up_to_300_entries_holds_and_for_no_other_index() {
        let files = Files::of(300);
        let log = PublishedLog::new(300, &files);
        for size in 1..=300 {
            let root = log.root_at(size).unwrap();
            for index in (0..size).map(LeafIndex) {
                let proof = log.inclusion_proof(index, size).unwrap();
                let leaf = leaf_hash(&entry(index.0));
                assert_eq!(proof.verify(&leaf, &root), Ok(()), "{index} of {size}");
                let other = LeafIndex((index.0 + 1) % size);
                if other != index {
                    assert!(
                        InclusionProof { index: other, ..proof }.verify(&leaf, &root).is_err(),
                        "{index} of {size}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_consistency_proof_up_to_300_entries_holds_and_for_no_other_root() {
        let files = Files::of(300);
        let log = PublishedLog::new(300, &files);
        let roots: Vec<_> = (0..=300).map(|size| log.root_at(size).unwrap()).collect();
        let root = |size: u64| &roots[usize::try_from(size).unwrap()];
        for new in 0..=300 {
            for old in 0..=new {
                let proof = log.consistency_proof(old, new).unwrap();
                assert_eq!(proof.verify(root(old), root(new)), Ok(()), "{old} of {new}");
                if old > 0 && old < new {
                    assert!(proof.verify(root(old - 1), root(new)).is_err(), "{old} of {new}");
                    assert!(proof.verify(root(old), root(new - 1)).is_err(), "{old} of {new}");
                }
            }
        }
    }

    #[test]
    fn proofs_around_the_borders_of_tiles_hold() {
        let files = Files::of(65_600);
        let log = PublishedLog::new(65_600, &files);
        let leaves: Vec<_> = (0..65_600).map(|i| leaf_hash(&entry(i))).collect();
        let sizes = [
            1, 255, 256, 257, 512, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537, 65_600,
        ];
        let roots = sizes.map(|size| root_by_definition(&leaves[..usize::try_from(size).unwrap()]));
        for (new, new_root) in sizes.iter().zip(&roots) {
            assert_eq!(log.root_at(*new).unwrap(), *new_root);
            for (old, old_root) in sizes.iter().zip(&roots).filter(|(old, _)| *old <= new) {
                let consistency = log.consistency_proof(*old, *new).unwrap();
                assert_eq!(consistency.verify(old_root, new_root), Ok(()), "{old} of {new}");
                let index = LeafIndex(old - 1);
                let inclusion = log.inclusion_proof(index, *new).unwrap();
                assert!(inclusion.path.len() <= 17);
                assert_eq!(
                    inclusion.verify(&leaf_hash(&entry(index.0)), new_root),
                    Ok(()),
                    "{index} of {new}"
                );
                assert_eq!(log.entry(index).unwrap(), entry(index.0));
            }
        }
    }

    #[test]
    fn what_lies_outside_the_log_is_refused() {
        let files = Files::of(3);
        let log = PublishedLog::new(3, &files);
        assert!(log.entry(LeafIndex(3)).is_err());
        assert!(log.root_at(4).is_err());
        assert!(log.inclusion_proof(LeafIndex(2), 2).is_err());
        assert!(log.inclusion_proof(LeafIndex(2), 4).is_err());
        assert!(log.consistency_proof(3, 2).is_err());
        assert!(log.consistency_proof(3, 4).is_err());
    }

    proptest! {
        #[test]
        fn files_of_random_bytes_are_refused_or_read_without_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..400), size in any::<u64>(), index in any::<u64>(),
        ) {
            let source = |_: &TilePath| Ok(Some(bytes.clone()));
            let log = PublishedLog::new(size, &source);
            let _ = log.entry(LeafIndex(index));
            let _ = log.root_at(index);
            let _ = log.inclusion_proof(LeafIndex(index), size);
            let _ = log.consistency_proof(index, size);
        }
    }
}
