//! A log in memory and the reference vectors, for the tests of this crate.

use std::collections::BTreeMap;

use cultivar_record::Digest;

use crate::{
    Appended, Appender, LedgerError, LogSigner, TilePath, TileSource, TreeHead,
    merkle::{empty_root, node_hash},
};

/// The leaves of the certificate-transparency reference tests.
pub(crate) const REFERENCE_LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// The roots of the trees over the first 1, 2, … 8 of them.
pub(crate) const REFERENCE_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// The key of the logs below.
pub(crate) fn signer() -> LogSigner {
    LogSigner::from_secret("example.com/log", &[7; 32]).unwrap()
}

/// A canonical ledger entry.
pub(crate) fn entry(index: u64) -> Vec<u8> {
    let kind = ["call_intent", "call_outcome"][usize::from(!index.is_multiple_of(2))];
    let commitment = Digest::of_bytes(&index.to_be_bytes());
    format!(
        r#"{{"at":"2026-11-24T11:17:08.000123Z","commitment":"{commitment}","kind":"{kind}","organization":"0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811","subject":"exchange-{index}","v":1}}"#
    )
    .into_bytes()
}

/// The root as RFC 6962 defines it, recursively.
pub(crate) fn root_by_definition(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

/// A log's folder, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    files: BTreeMap<TilePath, Vec<u8>>,
    head: TreeHead,
}

impl Files {
    pub(crate) fn empty() -> Self {
        let (files, head) = (BTreeMap::new(), TreeHead::empty(signer().name()));
        Self { files, head }
    }

    pub(crate) fn of(size: u64) -> Self {
        let mut files = Self::empty();
        files.append(&(0..size).map(entry).collect::<Vec<_>>());
        files
    }

    /// Appends, publishes and clears away, each time from the files alone.
    pub(crate) fn append<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Appended {
        let mut appender = Appender::open(&self.head, self).unwrap();
        let made = appender.append(entries).unwrap();
        for (path, bytes) in &made.files {
            self.files.insert(*path, bytes.clone());
        }
        (self.head.size, self.head.root) = (made.size, made.root);
        for path in &made.obsolete {
            self.files.remove(path).unwrap();
        }
        made
    }

    pub(crate) fn head(&self) -> TreeHead {
        self.head.clone()
    }

    pub(crate) fn signed_head(&self) -> String {
        TreeHead::sign(&signer(), self.head.size, &self.head.root)
    }

    pub(crate) fn all(&self) -> Vec<(TilePath, Vec<u8>)> {
        self.files.iter().map(|(path, bytes)| (*path, bytes.clone())).collect()
    }

    pub(crate) fn change(&mut self, path: TilePath, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.files.get_mut(&path).unwrap());
    }

    pub(crate) fn remove(&mut self, path: TilePath) {
        self.files.remove(&path).unwrap();
    }
}

impl TileSource for Files {
    fn read(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.files.get(path).cloned())
    }
}
