//! The question that a log asks a witness, and what a witness finds. Source: `c2sp.org/tlog-witness@v1.0.0`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cultivar_record::Digest;
use miette::Diagnostic;
use thiserror::Error;

use crate::{ConsistencyProof, LedgerError, TreeHead, VerifierKey};

/// Most hashes of a proof that are read: a tree cannot be higher.
const MOST_HASHES: usize = 63;

/// `POST add-checkpoint`: a signed tree head, and the proof that it continues the one that the witness knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is thought to know.
    pub old: u64,
    /// From there to the tree head.
    pub proof: Vec<Digest>,
    /// The signed tree head.
    pub tree_head: String,
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum WitnessRefusal {
    /// The question cannot be read, or contradicts itself.
    #[error("the question cannot be read: {reason}")]
    #[diagnostic(code("witness::malformed"), help("write it as C2SP's tlog-witness says"))]
    Malformed {
        /// Why.
        reason: String,
    },
    /// The log is none of those that this witness watches.
    #[error("this witness does not watch the log `{origin}`")]
    #[diagnostic(
        code("witness::unknown_log"),
        help("give it the log's verifier key: `cultivar witness --log FILE`")
    )]
    UnknownLog {
        /// The log.
        origin: String,
    },
    /// The log's own signature is missing or wrong.
    #[error("the tree head is not signed by the log `{origin}`")]
    #[diagnostic(
        code("witness::not_signed"),
        help("sign it with the key that the witness knows of the log")
    )]
    NotSigned {
        /// The log.
        origin: String,
    },
    /// The witness knows another size, or another root of the same size.
    #[error("this witness knows the log with {size} entries, and not as it is said to be")]
    #[diagnostic(
        code("witness::conflict"),
        help("ask again with a proof from that size; where the sizes are equal, the log shows two histories")
    )]
    Conflict {
        /// What it knows.
        size: u64,
    },
    /// The tree head does not continue what the witness knows.
    #[error("the tree head does not continue the log as this witness knows it")]
    #[diagnostic(
        code("witness::inconsistent"),
        help("the log shows two histories: keep both tree heads, they are the proof")
    )]
    Inconsistent,
}

impl WitnessRefusal {
    /// The status that the specification wants.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::UnknownLog { .. } => 404,
            Self::NotSigned { .. } => 403,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

impl AddCheckpoint {
    /// The tree head's first line: which log it is of.
    pub fn origin(&self) -> &str {
        self.tree_head.lines().next().unwrap_or_default()
    }

    /// What the witness may cosign: `key` is the log's, `latest` the tree head that was cosigned last.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(&self, key: &VerifierKey, latest: Option<&TreeHead>) -> Result<TreeHead, WitnessRefusal> {
        let head = TreeHead::open(&self.tree_head, key).map_err(|error| match error {
            LedgerError::Malformed { reason, .. } => WitnessRefusal::Malformed { reason },
            _ => WitnessRefusal::NotSigned {
                origin: key.name().to_owned(),
            },
        })?;
        if self.old > head.size {
            let reason = "the old size is above that of the tree head".to_owned();
            return Err(WitnessRefusal::Malformed { reason });
        }
        let nothing = TreeHead::empty(key.name());
        let latest = latest.unwrap_or(&nothing);
        let is_other = self.old == head.size && latest.root != head.root;
        if self.old != latest.size || is_other {
            return Err(WitnessRefusal::Conflict { size: latest.size });
        }
        let proof = ConsistencyProof {
            old: self.old,
            new: head.size,
            path: self.proof.clone(),
        };
        let checked = proof.verify(&latest.root, &head.root);
        checked.map(|()| head).map_err(|_| WitnessRefusal::Inconsistent)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.tree_head)
    }
}

impl FromStr for AddCheckpoint {
    type Err = WitnessRefusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| WitnessRefusal::Malformed {
            reason: reason.to_owned(),
        };
        let (head, tree_head) = text
            .split_once("\n\n")
            .ok_or_else(|| wrong("no empty line stands before the tree head"))?;
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.ok_or_else(|| wrong("its first line is not `old <size>`"))?;
        let size: u64 = old.parse().map_err(|_| wrong("the old size is no number"))?;
        if size.to_string() != old {
            return Err(wrong("the old size has a sign or leading zeros"));
        }
        let hash = |line: &str| BASE64.decode(line).ok()?.try_into().ok().map(Digest::from_raw);
        let proof: Option<Vec<Digest>> = lines.map(hash).collect();
        let proof = proof.filter(|hashes| hashes.len() <= MOST_HASHES);
        Ok(Self {
            old: size,
            proof: proof.ok_or_else(|| wrong("a line of the proof is no hash, or there are more than 63"))?,
            tree_head: tree_head.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PublishedLog,
        testing::{Files, signer},
    };
    use cultivar_record::LeafIndex;
    use proptest::prelude::*;

    fn question(files: &Files, old: u64) -> AddCheckpoint {
        let size = files.head().size;
        let proof = PublishedLog::new(size, files).consistency_proof(old, size).unwrap();
        AddCheckpoint {
            old,
            proof: proof.path,
            tree_head: files.signed_head(),
        }
    }

    #[test]
    fn a_log_that_goes_on_is_cosigned_and_one_that_forks_is_not() {
        let (key, mut log) = (signer().verifier_key(), Files::of(5));
        let first = question(&log, 0).check(&key, None).unwrap();
        log.append(&[b"more".to_vec()]);
        assert_eq!(question(&log, 5).check(&key, Some(&first)).unwrap(), log.head());
        assert_eq!(
            question(&log, 0).check(&key, Some(&first)),
            Err(WitnessRefusal::Conflict { size: 5 })
        );

        let mut fork = Files::of(4);
        fork.append(&[b"another".to_vec()]);
        assert_eq!(
            question(&fork, 5).check(&key, Some(&first)),
            Err(WitnessRefusal::Conflict { size: 5 }),
            "the same size with another root"
        );
        fork.append(&[b"more".to_vec()]);
        assert_eq!(
            question(&fork, 5).check(&key, Some(&first)),
            Err(WitnessRefusal::Inconsistent)
        );
        let stranger = crate::LogSigner::from_secret("example.com/log", &[3; 32])
            .unwrap()
            .verifier_key();
        let refused = question(&log, 5).check(&stranger, Some(&first)).unwrap_err();
        assert_eq!(refused.status(), 403);
        assert_eq!(
            PublishedLog::new(6, &log).entry(LeafIndex(5)).unwrap(),
            b"more".to_vec()
        );
    }

    #[test]
    fn a_question_reads_back_and_others_are_refused() {
        let asked = question(&Files::of(300), 7);
        assert!(!asked.proof.is_empty());
        assert_eq!(asked.to_string().parse::<AddCheckpoint>().unwrap(), asked);
        for text in ["", "old 1\n", "old 01\n\nx", "old -1\n\nx", "old 1\nabc\n\nx", "1\n\nx"] {
            assert_eq!(text.parse::<AddCheckpoint>().unwrap_err().status(), 400, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_growth_is_taken_from_the_size_that_is_known(old in 0_u64..600, more in 0_u64..600) {
            let key = signer().verifier_key();
            let known = Files::of(old).head();
            let asked = question(&Files::of(old + more), old);
            let latest = (old > 0).then_some(&known);
            prop_assert_eq!(asked.check(&key, latest).unwrap().size, old + more);
            if old > 0 && more > 0 {
                let mut without = asked;
                without.proof.pop();
                prop_assert!(without.check(&key, latest).is_err());
            }
        }
    }
}
