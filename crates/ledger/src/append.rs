//! Appending: entries in, tile files out. Knows the right edge of the tree and nothing to the left of it.

use std::mem;

use cultivar_record::{Digest, LeafIndex};

use crate::{
    LedgerError, TilePath, TileSource, TreeHead,
    bundle::write_entry,
    merkle::{leaf_hash, root_above, root_of_edges},
    source::{read_bundle, read_tile},
    tile::{LEVELS, TILE_WIDTH, edge_bundle, edge_index, edge_tile},
};

/// The right edge of a log: what is needed to append to it. At most 8 tiles and one bundle.
///
/// Where the files or the tree head of an [`Appender::append`] could not be published, this value is ahead of the log:
/// open another one from the published tree head.
#[derive(Clone, Debug)]
pub struct Appender {
    size: u64,
    /// Per tile level, from the leaves upwards, the hashes of the tile under way: 0 to 255.
    edges: Vec<Vec<Digest>>,
    /// The bundle under way.
    bundle: Vec<u8>,
}

/// What an append made. Write `files`, then publish a tree head of `size` and `root`, and only then remove `obsolete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where the first of the entries stands.
    pub first: LeafIndex,
    /// Entries in the log now.
    pub size: u64,
    /// The root above them.
    pub root: Digest,
    /// Files to write.
    pub files: Vec<(TilePath, Vec<u8>)>,
    /// Partial files of the log as it was, which the new ones replace.
    pub obsolete: Vec<TilePath>,
}

impl Appender {
    /// Restores the right edge of a log from its files.
    ///
    /// # Errors
    /// `ledger::file_missing`, `ledger::file_damaged` or `ledger::file_unreadable` where the edge cannot be read;
    /// `ledger::root_mismatch` or `ledger::entry_altered` where it is not what the tree head commits to.
    pub fn open(head: &TreeHead, source: &impl TileSource) -> Result<Self, LedgerError> {
        let read_edge = |level| edge_tile(level, head.size).map_or(Ok(Vec::new()), |path| read_tile(source, path));
        let edges = (0..LEVELS).map(read_edge).collect::<Result<Vec<_>, _>>()?;
        let computed = root_of_edges(&edges);
        if computed != head.root {
            return Err(LedgerError::RootMismatch {
                size: head.size,
                signed: head.root,
                computed,
            });
        }
        let mut bundle = Vec::new();
        if let Some(path) = edge_bundle(head.size) {
            let entries = read_bundle(source, path)?;
            let leaves = edges.iter().take(1).flatten();
            for ((entry, leaf), index) in entries.iter().zip(leaves).zip(head.size - head.size % TILE_WIDTH..) {
                if leaf_hash(entry) != *leaf {
                    let (index, path) = (LeafIndex(index), path.to_string());
                    return Err(LedgerError::EntryAltered { index, path });
                }
                write_entry(&mut bundle, entry);
            }
        }
        let size = head.size;
        Ok(Self { size, edges, bundle })
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root above them.
    pub fn root(&self) -> Digest {
        root_of_edges(&self.edges)
    }

    /// Appends entries: full tiles as they fill up, then the partial ones at the end.
    ///
    /// # Errors
    /// `ledger::entry_too_large`; nothing is appended then.
    pub fn append<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Result<Appended, LedgerError> {
        for (entry, index) in entries.iter().zip(self.size..) {
            let bytes = entry.as_ref().len();
            if u16::try_from(bytes).is_err() {
                let index = LeafIndex(index);
                return Err(LedgerError::EntryTooLarge { index, bytes });
            }
        }
        let first = LeafIndex(self.size);
        let before = self.partial_files();
        let mut files = Vec::new();
        for entry in entries {
            self.push(entry.as_ref(), &mut files);
        }
        let after = self.partial_files();
        let obsolete = before
            .iter()
            .map(|(path, _)| *path)
            .filter(|path| lacks(&after, *path))
            .collect();
        files.extend(after.into_iter().filter(|(path, _)| lacks(&before, *path)));
        Ok(Appended {
            first,
            size: self.size,
            root: self.root(),
            files,
            obsolete,
        })
    }

    fn push(&mut self, entry: &[u8], files: &mut Vec<(TilePath, Vec<u8>)>) {
        write_entry(&mut self.bundle, entry);
        self.size += 1;
        if self.size.is_multiple_of(TILE_WIDTH) {
            let path = TilePath::entries(self.size / TILE_WIDTH - 1, self.size);
            files.push((path, mem::take(&mut self.bundle)));
        }
        let mut risen = Some(leaf_hash(entry));
        for (level, edge) in (0..).zip(&mut self.edges) {
            edge.extend(risen.take());
            if edge.len() as u64 == TILE_WIDTH {
                let path = TilePath::hashes(level, edge_index(level, self.size) - 1, self.size);
                files.push((path, tile_bytes(edge)));
                risen = root_above(mem::take(edge));
            }
        }
    }

    fn partial_files(&self) -> Vec<(TilePath, Vec<u8>)> {
        let bundle = edge_bundle(self.size).map(|path| (path, self.bundle.clone()));
        let tiles = (0..).zip(&self.edges);
        let tiles = tiles.filter_map(|(level, edge)| Some((edge_tile(level, self.size)?, tile_bytes(edge))));
        bundle.into_iter().chain(tiles).collect()
    }
}

fn tile_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(Digest::as_bytes).copied().collect()
}

fn lacks(files: &[(TilePath, Vec<u8>)], path: TilePath) -> bool {
    files.iter().all(|(other, _)| *other != path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Files, REFERENCE_LEAVES, REFERENCE_ROOTS, entry, root_by_definition};
    use proptest::prelude::*;

    #[test]
    fn the_reference_log_has_its_published_roots_at_every_size() {
        let mut files = Files::empty();
        for (leaf, root) in REFERENCE_LEAVES.iter().zip(REFERENCE_ROOTS) {
            assert_eq!(files.append(&[leaf]).root.hex(), root);
        }
    }

    #[test]
    fn an_entry_that_is_too_large_leaves_the_log_as_it_was() {
        let mut appender = Appender::open(&TreeHead::empty("a"), &Files::empty()).unwrap();
        let error = appender.append(&[vec![0; 3], vec![0; 65_536]]).unwrap_err();
        assert_eq!(
            error,
            LedgerError::EntryTooLarge {
                index: LeafIndex(1),
                bytes: 65_536
            }
        );
        assert_eq!((appender.size(), appender.root()), (0, crate::merkle::empty_root()));
    }

    #[test]
    fn an_edge_that_was_altered_is_not_appended_to() {
        let files = Files::of(300);
        for (path, _) in files.all() {
            let mut altered = files.clone();
            altered.change(path, |bytes| bytes[20] ^= 1);
            let on_edge = path.to_string().contains(".p/");
            assert_eq!(Appender::open(&files.head(), &altered).is_err(), on_edge, "{path}");
        }
    }

    #[test]
    fn sizes_around_the_borders_of_tiles_have_the_root_of_the_definition() {
        let entries: Vec<_> = (0..65_600).map(entry).collect();
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        for size in [
            1, 2, 255, 256, 257, 511, 512, 513, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537,
        ] {
            let mut appender = Appender::open(&TreeHead::empty("a"), &Files::empty()).unwrap();
            let made = appender.append(&entries[..size]).unwrap();
            assert_eq!(made.root, root_by_definition(&leaves[..size]), "{size}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_split_into_batches_gives_the_same_files(batches in proptest::collection::vec(0_u64..400, 1..6)) {
            let mut files = Files::empty();
            let mut next = 0;
            for batch in batches {
                let entries: Vec<_> = (next..next + batch).map(entry).collect();
                prop_assert_eq!(files.append(&entries).first, LeafIndex(next));
                next += batch;
            }
            prop_assert_eq!(files, Files::of(next));
        }
    }
}
