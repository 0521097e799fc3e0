//! Whose trace a request belongs to. Source: W3C Trace Context, level 1, section 3.2 (`traceparent`).

/// The trace of a request, and the span in it that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub id: [u8; 16],
    /// The span that asks.
    pub parent: [u8; 8],
    /// Whether whoever asks records the trace.
    pub is_sampled: bool,
}

impl Trace {
    /// Reads the header `traceparent`; nothing where it is malformed, which by the specification counts as none.
    pub fn read(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let version = hex::<1>(parts.next()?)?;
        let id = hex::<16>(parts.next()?)?;
        let parent = hex::<8>(parts.next()?)?;
        let [flags] = hex::<1>(parts.next()?)?;
        // Later versions may say more; this one may not.
        let is_known = match version {
            [0xff] => false,
            [0] => parts.next().is_none(),
            _ => true,
        };
        let is_valid = is_known && id != [0; 16] && parent != [0; 8];
        is_valid.then_some(Self {
            id,
            parent,
            is_sampled: flags & 1 == 1,
        })
    }
}

/// Lower-case hexadecimal digits, two to a byte.
fn hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != BYTES || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn a_parent_is_read() {
        let trace = Trace::read(&format!("00-{ID}-{PARENT}-01")).unwrap();
        assert_eq!(trace.id[..3], [0x4b, 0xf9, 0x2f]);
        assert_eq!(trace.parent[6..], [0x02, 0xb7]);
        assert!(trace.is_sampled);
        assert!(!Trace::read(&format!("00-{ID}-{PARENT}-00")).unwrap().is_sampled);
        assert!(Trace::read(&format!("01-{ID}-{PARENT}-03-more")).unwrap().is_sampled);
    }

    #[test]
    fn what_is_malformed_counts_as_none() {
        for bad in [
            String::new(),
            "00".to_owned(),
            format!("ff-{ID}-{PARENT}-01"),
            format!("00-{ID}-{PARENT}"),
            format!("00-{ID}-{PARENT}-01-more"),
            format!("00-{ID}-{PARENT}-1"),
            format!("0-{ID}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", ID.to_uppercase()),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{ID}-{}-01", "0".repeat(16)),
            format!("00-{ID}{ID}-{PARENT}-01"),
            format!("00-{ID}-ä0f067aa0ba902b-01"),
        ] {
            assert_eq!(Trace::read(&bad), None, "{bad}");
        }
    }
}
