//! Where surrogates come from: bytes that follow from the key, the kind and the value, and from nothing else.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

use crate::Kind;

/// An endless sequence of bytes: HMAC-SHA256 of kind and normalised value under the key (RFC 2104), then SHA-256 of the
/// block before. Without the key nobody can tell which value a surrogate stands for by trying values.
pub(crate) struct Draw {
    block: [u8; 32],
    used: usize,
}

impl Draw {
    pub(crate) fn new(key: &[u8; 32], kind: Kind, value: &str) -> Self {
        let mut mac = keyed(key);
        mac.update(kind.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        Self {
            block: mac.finalize().into_bytes().into(),
            used: 0,
        }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        if let Some(byte) = self.block.get(self.used) {
            self.used += 1;
            return *byte;
        }
        self.block = Sha256::digest(self.block).into();
        self.used = 1;
        self.block.first().copied().unwrap_or_default()
    }

    /// 0 to 9. The 16 bits behind it leave a bias below one in six thousand.
    pub(crate) fn digit(&mut self) -> u8 {
        self.below(10)
    }

    /// 0 to `limit` - 1.
    pub(crate) fn below(&mut self, limit: u8) -> u8 {
        let wide = u16::from_be_bytes([self.byte(), self.byte()]);
        u8::try_from(wide % u16::from(limit.max(1))).unwrap_or_default()
    }

    pub(crate) fn digits(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.digit()).collect()
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, count: usize) -> String {
        (0..count)
            .filter_map(|_| char::from_digit(u32::from(self.byte() % 16), 16))
            .collect()
    }
}

/// A name for a key that tells nothing about it: equal names, equal surrogates.
pub(crate) fn key_name(key: &[u8; 32]) -> String {
    let mut mac = keyed(key);
    mac.update(b"key name");
    let bytes: [u8; 32] = mac.finalize().into_bytes().into();
    cultivar_record::Digest::from_raw(bytes)
        .hex()
        .chars()
        .take(16)
        .collect()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("a key of 32 bytes")
}
