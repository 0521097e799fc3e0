//! Hashes of the tree. Source: RFC 6962, section 2.1.

use cultivar_record::Digest;
use sha2::{Digest as _, Sha256};

const LEAF: u8 = 0;
const NODE: u8 = 1;

/// The hash of an entry: `SHA-256(0x00 || entry)`.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    let hasher = Sha256::new().chain_update([LEAF]).chain_update(entry);
    Digest::from_raw(hasher.finalize().into())
}

/// `SHA-256(0x01 || left || right)`.
pub(crate) fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let hasher = Sha256::new().chain_update([NODE]);
    let hasher = hasher.chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_raw(hasher.finalize().into())
}

/// The root of a tree without entries: SHA-256 of nothing.
pub(crate) fn empty_root() -> Digest {
    Digest::of_bytes(&[])
}

/// The root above `hashes`, which are roots of perfect trees of one size; only the last may be of a smaller one.
///
/// Hashing pairs level by level and lifting the odd one out is RFC 6962's split at the largest power of two.
pub(crate) fn root_above(mut hashes: Vec<Digest>) -> Option<Digest> {
    while hashes.len() > 1 {
        hashes = hashes.chunks(2).filter_map(join).collect();
    }
    hashes.pop()
}

fn join(pair: &[Digest]) -> Option<Digest> {
    match pair {
        [left, right] => Some(node_hash(left, right)),
        [odd] => Some(*odd),
        _ => None,
    }
}

/// The root of a log from its right edge: per tile level, from the leaves upwards, the hashes of the tile under way.
pub(crate) fn root_of_edges<'a>(edges: impl IntoIterator<Item = &'a Vec<Digest>>) -> Digest {
    let climb = |below: Option<Digest>, edge: &Vec<Digest>| root_above(edge.iter().copied().chain(below).collect());
    edges.into_iter().fold(None, climb).unwrap_or_else(empty_root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{REFERENCE_LEAVES, REFERENCE_ROOTS};

    #[test]
    fn the_reference_trees_have_their_published_roots() {
        for (size, expected) in (1..).zip(REFERENCE_ROOTS) {
            let leaves = REFERENCE_LEAVES.iter().take(size).map(|leaf| leaf_hash(leaf)).collect();
            assert_eq!(root_above(leaves).unwrap().hex(), expected, "{size} leaves");
        }
        assert_eq!(root_of_edges([]), empty_root());
    }
}
