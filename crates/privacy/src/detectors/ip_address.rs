//! Addresses of machines.
//!
//! # What it finds
//! Version 4 as four numbers of 0 to 255 without leading zeros; version 6 in any spelling of at least three groups with a
//! digit among them. A port or prefix length behind it stays.
//! # Check
//! The address parses, and is neither loopback nor unspecified.
//! # Surrogate
//! The three documentation networks of version 4 (762 addresses: different addresses may share one), `2001:db8::/32`.
//! # Misses
//! Short version 6 addresses (`fe80::1`), zones. Version numbers of four parts are taken for addresses.
//! # Source
//! RFC 5737; RFC 3849; RFC 4291, section 2.2.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Detector;
use crate::{
    Kind, Span, Strength,
    digits::{begins_at, chains, ends_at},
    draw::Draw,
};

const NETWORKS: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];
/// The longest spelling of a version 6 address, with a version 4 tail.
const LONGEST: usize = 45;

/// Finds them.
pub(crate) struct IpAddress;

impl Detector for IpAddress {
    fn scan(&self, text: &str, found: &mut Vec<Span>) {
        for chain in chains(text) {
            for window in chain.windows(4) {
                let [first, .., last] = window else { continue };
                let range = first.start..last.end;
                let address = text.get(range.clone()).and_then(|text| text.parse::<Ipv4Addr>().ok());
                let real = address.is_some_and(|address| !address.is_loopback() && !address.is_unspecified());
                if real && begins_at(text, range.start) && ends_at(text, range.end) {
                    found.push(Span::new(range, Kind::IpAddress, Strength::Format));
                }
            }
        }
        let mut at = 0;
        for piece in text.split(|c: char| !(c.is_ascii_hexdigit() || matches!(c, ':' | '.'))) {
            let range = at..at + piece.len();
            at += piece.len()
                + text
                    .get(range.end..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(0, char::len_utf8);
            scan_v6(text, range, found);
        }
    }

    fn normalised(&self, value: &str) -> String {
        let v6 = value.parse::<Ipv6Addr>().map(|address| address.to_string());
        v6.unwrap_or_else(|_| value.to_owned())
    }

    fn surrogate(&self, value: &str, draw: &mut Draw) -> String {
        if value.contains(':') {
            return format!("2001:db8:{}:{}::{}", draw.hex(4), draw.hex(4), draw.hex(4));
        }
        let network = NETWORKS.get(usize::from(draw.below(3))).copied().unwrap_or_default();
        let [a, b, c] = network;
        format!("{a}.{b}.{c}.{}", 1 + draw.below(254))
    }

    fn is_ours(&self, value: &str) -> bool {
        if let Ok(address) = value.parse::<Ipv6Addr>() {
            let [first, second, ..] = address.segments();
            return (first, second) == (0x2001, 0xdb8);
        }
        value.parse::<Ipv4Addr>().is_ok_and(|address| {
            let [a, b, c, _] = address.octets();
            NETWORKS.contains(&[a, b, c])
        })
    }
}

fn scan_v6(text: &str, range: std::ops::Range<usize>, found: &mut Vec<Span>) {
    let piece = text.get(range.clone()).unwrap_or_default();
    let colons = piece.bytes().filter(|byte| *byte == b':').count();
    if colons < 2 || piece.len() > LONGEST + 1 {
        return;
    }
    // A sentence may end behind the address, and a word of hexadecimal letters or a label may stand before it.
    let address = piece.trim_end_matches('.');
    let address = if address.ends_with("::") {
        address
    } else {
        address.trim_end_matches(':')
    };
    let label = usize::from(address.starts_with(':') && !address.starts_with("::"));
    let address = address.get(label..).unwrap_or_default();
    let groups = address.split(':').filter(|group| !group.is_empty()).count();
    let parsed = address.parse::<Ipv6Addr>();
    let real = parsed.is_ok_and(|address| !address.is_loopback() && !address.is_unspecified());
    let has_digit = address.bytes().any(|byte| byte.is_ascii_digit());
    let start = range.start + label;
    let end = start + address.len();
    if real && has_digit && groups >= 3 && begins_at(text, start) && ends_at(text, end) {
        found.push(Span::new(start..end, Kind::IpAddress, Strength::Format));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::found;

    #[test]
    fn addresses_are_found_without_port_and_prefix() {
        let cases = [
            ("from 58.74.121.78:8080", "58.74.121.78"),
            ("10.1.2.0/24.", "10.1.2.0"),
            ("at 2a00:1450:4001:81b::200e.", "2a00:1450:4001:81b::200e"),
            ("[fe80:0:0:0:1:2:3:4]", "fe80:0:0:0:1:2:3:4"),
            ("IP:2a00:1450:4001:81b::200e", "2a00:1450:4001:81b::200e"),
        ];
        for (text, wanted) in cases {
            assert_eq!(found(&IpAddress, text).first(), Some(&wanted), "{text}");
        }
    }

    #[test]
    fn times_versions_and_code_are_none() {
        for other in [
            "7:30:15",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "01.2.3.4",
            "127.0.0.1",
            "a::b",
            "std::vec",
            "::1",
            "12:30:45:10",
        ] {
            assert!(found(&IpAddress, other).is_empty(), "{other}");
        }
    }
}
