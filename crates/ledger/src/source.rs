//! Reading tiles and bundles from wherever the caller keeps them.

use cultivar_record::Digest;

use crate::{LedgerError, TilePath, bundle::entries_of};

/// Brings the bytes of the ledger's files. Closures `|path: &TilePath| …` are sources.
pub trait TileSource {
    /// The bytes of a file, or nothing where it does not exist.
    ///
    /// # Errors
    /// `ledger::file_unreadable` where neither can be told.
    fn read(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LedgerError>;
}

impl<F: Fn(&TilePath) -> Result<Option<Vec<u8>>, LedgerError>> TileSource for F {
    fn read(&self, path: &TilePath) -> Result<Option<Vec<u8>>, LedgerError> {
        self(path)
    }
}

/// The hashes of a tile: as many as its width says.
pub(crate) fn read_tile(source: &impl TileSource, path: TilePath) -> Result<Vec<Digest>, LedgerError> {
    let (path, bytes, width) = read_or_filled(source, path)?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() != path.width() {
        let reason = format!("it has {} bytes, not {}", bytes.len(), path.width() * 32);
        return Err(damaged(path, reason));
    }
    Ok(hashes.iter().take(width).map(|raw| Digest::from_raw(*raw)).collect())
}

/// The entries of a bundle: as many as its width says.
pub(crate) fn read_bundle(source: &impl TileSource, path: TilePath) -> Result<Vec<Vec<u8>>, LedgerError> {
    let (path, bytes, width) = read_or_filled(source, path)?;
    let entries =
        entries_of(&bytes).ok_or_else(|| damaged(path, "an entry's length reaches over its end".to_owned()))?;
    if entries.len() != path.width() {
        let reason = format!("it has {} entries, not {}", entries.len(), path.width());
        return Err(damaged(path, reason));
    }
    Ok(entries.into_iter().take(width).map(<[u8]>::to_vec).collect())
}

/// A partial file may have been replaced by the full one, whose first part it is.
fn read_or_filled(source: &impl TileSource, path: TilePath) -> Result<(TilePath, Vec<u8>, usize), LedgerError> {
    if let Some(bytes) = source.read(&path)? {
        return Ok((path, bytes, path.width()));
    }
    let missing = || LedgerError::FileMissing { path: path.to_string() };
    if path.filled() == path {
        return Err(missing());
    }
    let bytes = source.read(&path.filled())?.ok_or_else(missing)?;
    Ok((path.filled(), bytes, path.width()))
}

fn damaged(path: TilePath, reason: String) -> LedgerError {
    LedgerError::FileDamaged {
        path: path.to_string(),
        reason,
    }
}
