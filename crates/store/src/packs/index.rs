//! Where bodies lie in a pack: in memory while it is filled, sorted in a file once it is full. Knows digests and offsets.

use std::{collections::HashMap, fs::File, io, os::unix::fs::FileExt, path::Path};

use cultivar_record::Digest;

use super::{ERASED, HEADER};
use crate::StoreError;

/// Digest, offset, length, kind.
const ROW: usize = 32 + 8 + 4 + 1;

/// Where an entry's bytes lie in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// In bytes from the beginning of the pack.
    pub(super) offset: u64,
    /// In bytes.
    pub(super) length: u32,
    /// What the bytes are.
    pub(super) kind: u8,
}

/// The sorted index of a full pack.
pub(super) struct Index {
    /// The pack.
    pub(super) number: u64,
    file: File,
    /// How many entries it names.
    pub(super) rows: u64,
}

impl Index {
    pub(super) fn open(path: &Path, number: u64) -> Result<Self, StoreError> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (bytes, file) = opened.map_err(|e| StoreError::file(path, "opened", &e))?;
        let rows = bytes / u64::try_from(ROW).unwrap_or(1);
        Ok(Self { number, file, rows })
    }

    /// Where an entry lies, by bisection.
    pub(super) fn find(&self, digest: &Digest) -> Result<Option<Place>, StoreError> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut row = [0; ROW];
            let offset = middle * u64::try_from(ROW).unwrap_or(1);
            let read = self.file.read_exact_at(&mut row, offset);
            read.map_err(|e| StoreError::file(Path::new("blobs/packs"), "read", &e))?;
            let (name, place) = row.split_at(32);
            match name.cmp(digest.as_bytes().as_slice()) {
                std::cmp::Ordering::Equal => return Ok(place_of(place)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

fn place_of(row: &[u8]) -> Option<Place> {
    let (offset, rest) = row.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    Some(Place {
        offset: u64::from_le_bytes(*offset),
        length: u32::from_le_bytes(*length),
        kind: *rest.first()?,
    })
}

/// The index of a full pack, sorted by digest.
pub(super) fn encode(places: &HashMap<Digest, Place>) -> Vec<u8> {
    let mut rows: Vec<(&Digest, &Place)> = places.iter().collect();
    rows.sort_unstable_by_key(|(digest, _)| **digest);
    let mut bytes = Vec::with_capacity(rows.len() * ROW);
    for (digest, place) in rows {
        bytes.extend_from_slice(digest.as_bytes());
        bytes.extend_from_slice(&place.offset.to_le_bytes());
        bytes.extend_from_slice(&place.length.to_le_bytes());
        bytes.push(place.kind);
    }
    bytes
}

/// The entries of a pack that has no index yet, and where the whole ones end: what follows was torn by a killed process.
pub(super) fn scan(file: &File) -> io::Result<(HashMap<Digest, Place>, u64)> {
    let end = file.metadata()?.len();
    let mut places = HashMap::new();
    let mut at = 0;
    let mut header = [0; HEADER];
    while file.read_exact_at(&mut header, at).is_ok() {
        let (digest, rest) = header.split_first_chunk::<32>().ok_or(io::ErrorKind::InvalidData)?;
        let (length, kind) = rest.split_first_chunk::<4>().ok_or(io::ErrorKind::InvalidData)?;
        let (length, kind) = (u32::from_le_bytes(*length), kind.first().copied().unwrap_or(0));
        let offset = at + u64::try_from(HEADER).unwrap_or(0);
        let next = offset + u64::from(length);
        if next > end {
            break;
        }
        if kind != ERASED {
            places.insert(Digest::from_raw(*digest), Place { offset, length, kind });
        }
        at = next;
    }
    Ok((places, at))
}
