//! API keys: shown once, kept as a keyed hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cultivar_record::Ambient;

/// What every key begins with, so that secret scanners can find a leaked one.
const BEGINNING: &str = "sk-cultivar-";
/// Characters of a key that are kept visible.
const VISIBLE: usize = BEGINNING.len() + 6;

/// Hashes keys under a secret of this data directory, so that a stolen database gives no key away.
#[derive(Clone)]
pub struct KeyHasher {
    secret: [u8; 32],
}

/// A fresh key: the text to show once, and its visible beginning.
pub(crate) struct FreshKey {
    pub(crate) text: String,
    pub(crate) prefix: String,
}

impl KeyHasher {
    /// A hasher over this secret.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The keyed BLAKE3 hash of a key's text, hexadecimal.
    pub fn hash(&self, text: &str) -> String {
        blake3::keyed_hash(&self.secret, text.as_bytes()).to_hex().to_string()
    }
}

pub(crate) fn fresh(ambient: &dyn Ambient) -> FreshKey {
    let text = format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(ambient.entropy()));
    let prefix = text.chars().take(VISIBLE).collect();
    FreshKey { text, prefix }
}
