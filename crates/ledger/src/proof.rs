//! Proofs and their verification, from hashes alone. Source: RFC 6962, section 2.1; verification after RFC 9162, sections
//! 2.1.3.2 and 2.1.4.2.

use cultivar_record::{Digest, LeafIndex};

use crate::{
    LedgerError,
    merkle::{empty_root, node_hash},
};

/// That an entry stands at an index of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The entry's place.
    pub index: LeafIndex,
    /// Entries in the tree.
    pub size: u64,
    /// The siblings from the leaf's to the root's child: at most 64.
    pub path: Vec<Digest>,
}

impl InclusionProof {
    /// Checks that `leaf` (see [`crate::leaf_hash`]) stands there in the tree with this root.
    ///
    /// # Errors
    /// `ledger::proof_fails`.
    pub fn verify(&self, leaf: &Digest, root: &Digest) -> Result<(), LedgerError> {
        let fails = LedgerError::ProofFails { what: "inclusion" };
        if self.index.0 >= self.size {
            return Err(fails);
        }
        let mut place = Place::of(self.index.0, self.size - 1);
        let mut hash = *leaf;
        for sibling in &self.path {
            hash = match place.climb() {
                None => return Err(fails),
                Some(Side::Left) => node_hash(sibling, &hash),
                Some(Side::Right) => node_hash(&hash, sibling),
            };
        }
        if place.is_root() && hash == *root {
            Ok(())
        } else {
            Err(fails)
        }
    }
}

/// That a tree begins with all entries of an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Entries in the older tree.
    pub old: u64,
    /// Entries in the newer tree.
    pub new: u64,
    /// The nodes of RFC 6962's `PROOF(old, D[new])`; none where the older tree is empty or as large as the newer.
    pub path: Vec<Digest>,
}

impl ConsistencyProof {
    /// Checks that the trees with these roots are consistent.
    ///
    /// # Errors
    /// `ledger::proof_fails`.
    pub fn verify(&self, old_root: &Digest, new_root: &Digest) -> Result<(), LedgerError> {
        let holds = match (self.old, self.new) {
            (old, new) if old > new => false,
            (0, new) => self.path.is_empty() && *old_root == empty_root() && (new > 0 || old_root == new_root),
            (old, new) if old == new => self.path.is_empty() && old_root == new_root,
            _ => self.leads_to(old_root, new_root),
        };
        holds
            .then_some(())
            .ok_or(LedgerError::ProofFails { what: "consistency" })
    }

    fn leads_to(&self, old_root: &Digest, new_root: &Digest) -> bool {
        // A perfect older tree is a node of the newer one: its root is the first step and is left out of the path.
        let known = self.old.is_power_of_two().then_some(old_root);
        let mut path = known.into_iter().chain(&self.path);
        let Some(first) = path.next() else { return false };
        let mut place = Place::of(self.old - 1, self.new - 1);
        place.skip_right_turns();
        let (mut old, mut new) = (*first, *first);
        for node in path {
            match place.climb() {
                None => return false,
                Some(Side::Left) => (old, new) = (node_hash(node, &old), node_hash(node, &new)),
                Some(Side::Right) => new = node_hash(&new, node),
            }
        }
        place.is_root() && old == *old_root && new == *new_root
    }
}

/// On which side the sibling stands.
enum Side {
    Left,
    Right,
}

/// A node's index at its height beside the index of the last node there: RFC 9162's `fn` and `sn`.
struct Place {
    node: u64,
    last: u64,
}

impl Place {
    fn of(node: u64, last: u64) -> Self {
        Self { node, last }
    }

    fn is_root(&self) -> bool {
        self.last == 0
    }

    fn rise(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    fn skip_right_turns(&mut self) {
        while self.node & 1 == 1 {
            self.rise();
        }
    }

    /// One step towards the root: where the next sibling stands; nothing at the root.
    fn climb(&mut self) -> Option<Side> {
        if self.is_root() {
            return None;
        }
        let is_right_child = self.node & 1 == 1;
        let side = if is_right_child || self.node == self.last {
            // The last node may stand alone at several heights: it rises until it has a left sibling.
            while self.node & 1 == 0 && self.node != 0 {
                self.rise();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.rise();
        Some(side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{REFERENCE_LEAVES, REFERENCE_ROOTS};
    use proptest::prelude::*;

    fn digest(hex: &str) -> Digest {
        format!("sha256:{hex}").parse().unwrap()
    }

    /// Proofs from the test of the certificate-transparency reference (`cpp/merkletree/merkle_tree_test.cc`).
    #[test]
    fn the_proofs_of_the_reference_hold() {
        let inclusion = InclusionProof {
            index: LeafIndex(5),
            size: 8,
            path: [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
            .map(digest)
            .to_vec(),
        };
        let leaf = crate::leaf_hash(REFERENCE_LEAVES[5]);
        assert_eq!(inclusion.verify(&leaf, &digest(REFERENCE_ROOTS[7])), Ok(()));
        let consistency = ConsistencyProof {
            old: 6,
            new: 8,
            path: [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
            .map(digest)
            .to_vec(),
        };
        let (old, new) = (digest(REFERENCE_ROOTS[5]), digest(REFERENCE_ROOTS[7]));
        assert_eq!(consistency.verify(&old, &new), Ok(()));
        assert!(consistency.verify(&new, &old).is_err());
    }

    #[test]
    fn nothing_is_consistent_with_everything_but_only_by_an_empty_proof() {
        let root = digest(REFERENCE_ROOTS[7]);
        let mut proof = ConsistencyProof {
            old: 0,
            new: 8,
            path: Vec::new(),
        };
        assert_eq!(proof.verify(&empty_root(), &root), Ok(()));
        assert!(proof.verify(&root, &root).is_err());
        proof.path.push(root);
        assert!(proof.verify(&empty_root(), &root).is_err());
    }

    proptest! {
        #[test]
        fn random_proofs_never_hold(index in any::<u64>(), size in any::<u64>(), raw in proptest::collection::vec(any::<[u8; 32]>(), 0..70)) {
            let path: Vec<_> = raw.into_iter().map(Digest::from_raw).collect();
            let (leaf, root) = (digest(REFERENCE_ROOTS[1]), digest(REFERENCE_ROOTS[2]));
            let inclusion = InclusionProof { index: LeafIndex(index), size, path: path.clone() };
            prop_assert!(inclusion.verify(&leaf, &root).is_err());
            let consistency = ConsistencyProof { old: index, new: size, path };
            prop_assert!(consistency.verify(&leaf, &root).is_err());
        }
    }
}
