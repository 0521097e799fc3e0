//! Tree heads: the size and root that the log's key signs. Source: `c2sp.org/tlog-checkpoint@v1.0.0`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cultivar_record::Digest;

use crate::{LedgerError, LogSigner, VerifierKey, merkle::empty_root, note};

/// What a log commits to at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The log's name.
    pub origin: String,
    /// Entries that it covers.
    pub size: u64,
    /// The root above them (RFC 6962).
    pub root: Digest,
}

impl TreeHead {
    /// The tree head of a log without entries.
    pub fn empty(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            size: 0,
            root: empty_root(),
        }
    }

    /// Signs a size and root under the signer's name: the content of `checkpoint`.
    pub fn sign(signer: &LogSigner, size: u64, root: &Digest) -> String {
        let text = format!("{}\n{size}\n{}\n", signer.name(), BASE64.encode(root.as_bytes()));
        note::sign(signer, &text)
    }

    /// Reads a signed tree head, once the key's signature is right and the log is the key's.
    ///
    /// # Errors
    /// `ledger::malformed`, `ledger::unknown_signer`, `ledger::bad_signature` or `ledger::other_log`.
    pub fn open(signed: &str, key: &VerifierKey) -> Result<Self, LedgerError> {
        let head = parse(note::open(signed, key)?)?;
        if head.origin != key.name() {
            return Err(LedgerError::OtherLog {
                expected: key.name().to_owned(),
                found: head.origin,
            });
        }
        Ok(head)
    }
}

/// Reads the text of a tree head. Extension lines are let through, as the specification wants, and not read.
fn parse(text: &str) -> Result<TreeHead, LedgerError> {
    let mut lines = text.lines();
    let mut line = |name: &str| lines.next().ok_or_else(|| malformed(&format!("it has no {name} line")));
    let (origin, size, root) = (line("origin")?, line("size")?, line("root")?);
    let count: u64 = size.parse().map_err(|_| malformed("its size is no decimal number"))?;
    let raw = BASE64.decode(root).ok().and_then(|raw| raw.try_into().ok());
    let root = Digest::from_raw(raw.ok_or_else(|| malformed("its root is not 32 bytes in base64"))?);
    if origin.is_empty() || count.to_string() != size || lines.any(str::is_empty) {
        return Err(malformed("a line is empty or its size has a sign or leading zeros"));
    }
    Ok(TreeHead {
        origin: origin.to_owned(),
        size: count,
        root,
    })
}

fn malformed(reason: &str) -> LedgerError {
    LedgerError::Malformed {
        what: "tree head",
        reason: reason.to_owned(),
        example: "<origin>\\n<size>\\n<root in base64>\\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer() -> LogSigner {
        LogSigner::from_secret("example.com/log", &[7; 32]).unwrap()
    }

    #[test]
    fn a_signed_head_reads_back() {
        let head = TreeHead::empty("example.com/log");
        let signed = TreeHead::sign(&signer(), head.size, &head.root);
        assert_eq!(TreeHead::open(&signed, &signer().verifier_key()).unwrap(), head);
    }

    #[test]
    fn the_head_of_another_log_is_refused_though_its_signature_is_right() {
        let text = format!("other.example\n0\n{}\n", BASE64.encode(empty_root().as_bytes()));
        let signed = note::sign(&signer(), &text);
        let error = TreeHead::open(&signed, &signer().verifier_key()).unwrap_err();
        assert!(matches!(error, LedgerError::OtherLog { .. }), "{error}");
    }

    #[test]
    fn sizes_and_roots_have_one_spelling() {
        let root = BASE64.encode(empty_root().as_bytes());
        assert!(parse(&format!("a\n0\n{root}\nextension\n")).is_ok());
        for text in [
            format!("a\n00\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n18446744073709551616\n{root}\n"),
            format!("a\n1\n{root}\n\nx\n"),
            format!("\n1\n{root}\n"),
            "a\n1\nAAAA\n".to_owned(),
            "a\n1\n".to_owned(),
        ] {
            assert!(parse(&text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_is_a_head(text in "[a+]{0,3}\n?[0-9+-]{0,22}\n?[A-Za-z0-9+/=]{0,48}\n?[a\n]{0,3}") {
            let _ = parse(&text);
        }
    }
}
