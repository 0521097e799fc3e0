//! Signed notes: a text, an empty line, signature lines. Source: `c2sp.org/signed-note@v1.0.0`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::{LedgerError, LogSigner, VerifierKey, key::check_name};

/// Longest note that is read, in bytes: a tree head with a hundred cosignatures is a hundredth of it.
const LONGEST_NOTE: usize = 1 << 20;
/// What each signature line begins with.
const DASH: &str = "\u{2014} ";

/// Signs a text that ends in a newline.
pub(crate) fn sign(signer: &LogSigner, text: &str) -> String {
    let mut signature = signer.verifier_key().id().to_vec();
    signature.extend_from_slice(&signer.sign(text.as_bytes()));
    format!("{text}\n{}", line(signer.name(), &signature))
}

/// A signature line: the bytes begin with the key's id.
pub(crate) fn line(name: &str, bytes: &[u8]) -> String {
    format!("{DASH}{name} {}\n", BASE64.encode(bytes))
}

/// The text of a note, once the key's signature is found and right. Signatures of others are not judged.
pub(crate) fn open<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, LedgerError> {
    let (text, signatures) = split(note)?;
    let mut signed = false;
    for line in signatures.lines() {
        let (name, id, signature) = signature_of(line)?;
        if name == key.name() && id == key.id() {
            key.verify(text.as_bytes(), &signature)?;
            signed = true;
        }
    }
    if signed {
        Ok(text)
    } else {
        Err(LedgerError::UnknownSigner {
            name: key.name().to_owned(),
        })
    }
}

/// Text and signature lines, each with its last newline.
pub(crate) fn split(note: &str) -> Result<(&str, &str), LedgerError> {
    if note.len() > LONGEST_NOTE {
        return Err(malformed("it is longer than a mebibyte"));
    }
    if note.chars().any(|c| c < ' ' && c != '\n') {
        return Err(malformed("it holds control characters"));
    }
    let end = note
        .rfind("\n\n")
        .ok_or_else(|| malformed("it has no empty line before its signatures"))?;
    let text = note.get(..=end).unwrap_or_default();
    let signatures = note.get(end + 2..).unwrap_or_default();
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(malformed("its last line is no signature line that ends in a newline"));
    }
    Ok((text, signatures))
}

/// Name, key id and signature of a line.
pub(crate) fn signature_of(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), LedgerError> {
    let wrong = || malformed("a signature line is not `— <name> <base64>`");
    let (name, base64) = line
        .strip_prefix(DASH)
        .and_then(|l| l.split_once(' '))
        .ok_or_else(wrong)?;
    check_name(name)?;
    let bytes = BASE64.decode(base64).map_err(|_| wrong())?;
    let (id, signature) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
    Ok((name, *id, signature.to_vec()))
}

fn malformed(reason: &str) -> LedgerError {
    LedgerError::Malformed {
        what: "signed note",
        reason: reason.to_owned(),
        example: "<text>\\n\\n— <name> <base64>\\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of the specification.
    const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const NOTE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    #[test]
    fn the_example_of_the_specification_verifies() {
        let key = KEY.parse().unwrap();
        assert_eq!(open(NOTE, &key).unwrap(), "This is an example message.\n");
        let with_stranger = format!("{NOTE}— stranger AAAAAAAA\n");
        assert_eq!(open(&with_stranger, &key).unwrap(), "This is an example message.\n");
    }

    #[test]
    fn the_reason_of_a_refusal_is_told_apart() {
        let key = KEY.parse().unwrap();
        let other = LogSigner::from_secret("example.com/foo", &[1; 32])
            .unwrap()
            .verifier_key();
        let altered = NOTE.replace("message", "massage");
        assert!(matches!(open(NOTE, &other), Err(LedgerError::UnknownSigner { .. })));
        assert!(matches!(open(&altered, &key), Err(LedgerError::BadSignature { .. })));
        assert!(matches!(open("text\n", &key), Err(LedgerError::Malformed { .. })));
    }

    proptest! {
        #[test]
        fn every_change_of_one_byte_is_caught(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = NOTE.as_bytes().to_vec();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            if let Ok(note) = String::from_utf8(bytes) {
                prop_assert!(open(&note, &KEY.parse().unwrap()).is_err());
            }
        }

        #[test]
        fn any_text_is_refused_without_panic(text in "[\\n\u{2014} a-zA-Z0-9+/=]{0,80}") {
            prop_assert!(open(&text, &KEY.parse().unwrap()).is_err());
        }
    }
}
