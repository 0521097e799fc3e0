//! One file that proves an entry: index, path and signed tree head. Source: `c2sp.org/tlog-proof@v1`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cultivar_record::{Digest, LeafIndex};

use crate::{InclusionProof, LedgerError, TreeHead, VerifierKey, leaf_hash};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^64 - 1 entries has paths this long.
const LONGEST_PATH: usize = 64;

/// A proof that can be checked offline with nothing but the entry and the log's verifier key.
/// Its text is the content of a `.tlog-proof` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes that travel along and that nothing vouches for; we put the entry here, so that one file is enough.
    pub extra: Option<Vec<u8>>,
    /// The entry's place.
    pub index: LeafIndex,
    /// The siblings from the leaf's to the root's child.
    pub path: Vec<Digest>,
    /// The signed tree head, verbatim.
    pub tree_head: String,
}

impl TlogProof {
    /// Checks the tree head's signature, then that `entry` stands at the proof's index. Returns the tree head.
    ///
    /// # Errors
    /// Those of [`TreeHead::open`], and `ledger::proof_fails`.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<TreeHead, LedgerError> {
        let head = TreeHead::open(&self.tree_head, key)?;
        let proof = InclusionProof {
            index: self.index,
            size: head.size,
            path: self.path.clone(),
        };
        proof.verify(&leaf_hash(entry), &head.root)?;
        Ok(head)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.tree_head)
    }
}

impl FromStr for TlogProof {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (proof, tree_head) = text
            .split_once("\n\n")
            .ok_or_else(|| malformed("it holds no tree head"))?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed("its first line is another"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra
            .map(|line| BASE64.decode(line.trim_start_matches("extra ")))
            .transpose();
        let extra = extra.map_err(|_| malformed("its extra line is not base64"))?;
        let digits = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = digits.and_then(|digits| digits.parse().ok().filter(|i: &u64| i.to_string() == digits));
        let index = LeafIndex(index.ok_or_else(|| malformed("it has no index line"))?);
        let path = lines.take(LONGEST_PATH + 1).map(hash_of).collect::<Option<Vec<_>>>();
        let path = path.filter(|path| path.len() <= LONGEST_PATH);
        Ok(Self {
            extra,
            index,
            path: path.ok_or_else(|| malformed("its path is not at most 64 hashes in base64"))?,
            tree_head: tree_head.to_owned(),
        })
    }
}

fn hash_of(line: &str) -> Option<Digest> {
    let raw = BASE64.decode(line).ok()?;
    Some(Digest::from_raw(raw.try_into().ok()?))
}

fn malformed(reason: &str) -> LedgerError {
    LedgerError::Malformed {
        what: "tlog-proof",
        reason: reason.to_owned(),
        example: "c2sp.org/tlog-proof@v1\\nindex 0\\n\\n<signed tree head>",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PublishedLog,
        testing::{Files, entry, signer},
    };
    use proptest::prelude::*;

    fn proof(index: u64, size: u64) -> TlogProof {
        let files = Files::of(size);
        let index = LeafIndex(index);
        let path = PublishedLog::new(size, &files)
            .inclusion_proof(index, size)
            .unwrap()
            .path;
        TlogProof {
            extra: Some(entry(index.0)),
            index,
            path,
            tree_head: files.signed_head(),
        }
    }

    #[test]
    fn a_proof_reads_back_and_holds_for_its_entry_alone() {
        let key = signer().verifier_key();
        for (index, size) in [(0, 1), (3, 7), (299, 300)] {
            let proof = proof(index, size);
            let again: TlogProof = proof.to_string().parse().unwrap();
            assert_eq!(again, proof);
            assert_eq!(again.verify(&entry(index), &key).unwrap().size, size);
            assert!(again.verify(&entry(index + 1), &key).is_err());
        }
    }

    proptest! {
        #[test]
        fn every_change_of_one_byte_is_caught(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let proof = TlogProof { extra: None, ..proof(5, 9) };
            let mut bytes = proof.to_string().into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let changed = String::from_utf8(bytes).map(|text| text.parse::<TlogProof>());
            if let Ok(Ok(changed)) = changed {
                prop_assert!(changed.verify(&entry(5), &signer().verifier_key()).is_err());
            }
        }

        #[test]
        fn any_text_is_refused_without_panic(text in "(c2sp.org/tlog-proof@v1\n)?(extra [a-z=]{0,9}\n)?(index [0-9]{0,21}\n)?[A-Za-z=\n]{0,90}") {
            let _ = text.parse::<TlogProof>();
        }
    }
}
