//! Entry bundles: entries one after another, each behind its length as a big-endian `u16`.
//! Source: `c2sp.org/tlog-tiles`, "Log entries".

/// Appends an entry to a bundle. Returns nothing, and writes nothing, where it is longer than 65,535 bytes.
pub(crate) fn write_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let length = u16::try_from(entry.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// The entries of a bundle; nothing where a length reaches over its end.
pub(crate) fn entries_of(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_entry_fits_and_a_longer_one_does_not() {
        let mut bundle = Vec::new();
        assert_eq!(write_entry(&mut bundle, &vec![7; 65_535]), Some(()));
        assert_eq!(bundle.len(), 65_537);
        assert_eq!(write_entry(&mut bundle, &vec![7; 65_536]), None);
        assert_eq!(bundle.len(), 65_537);
    }

    proptest! {
        #[test]
        fn entries_read_back(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20)) {
            let mut bundle = Vec::new();
            for entry in &entries {
                write_entry(&mut bundle, entry).unwrap();
            }
            prop_assert_eq!(entries_of(&bundle).unwrap(), entries);
        }

        #[test]
        fn any_bytes_are_refused_or_are_entries(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(entries) = entries_of(&bytes) {
                let length: usize = entries.iter().map(|e| e.len() + 2).sum();
                prop_assert_eq!(length, bytes.len());
            }
        }
    }
}
