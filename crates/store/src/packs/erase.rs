//! Destroying bodies: zeros are written over them where they lie, so that no other entry moves and no moment is without an
//! index that fits. Parts go before the bodies that name them: whoever was killed in between finds them again.
//!
//! What the disk itself keeps of bytes that were written over is beyond a program.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::PoisonError,
};

use cultivar_record::Digest;

use super::{
    ERASED, HEADER, PIECES, Packs, WHOLE, cut,
    index::{self, Index, Place},
};
use crate::{StoreError, files};

/// Zeros are written in pieces of this many bytes.
const ZEROS: [u8; 4_096] = [0; 4_096];

/// What goes and what stays.
struct Choice<'a> {
    erased: &'a HashSet<Digest>,
    kept: &'a HashSet<Digest>,
    /// Parts of bodies that go.
    parts: HashSet<Digest>,
    /// Of what goes, what a body that stays names as its part.
    needed: HashSet<Digest>,
}

impl Choice<'_> {
    fn is_gone(&self, digest: &Digest) -> bool {
        self.erased.contains(digest) && !self.kept.contains(digest)
    }

    fn goes(&self, digest: &Digest, kind: u8) -> bool {
        if kind == PIECES {
            return self.is_gone(digest);
        }
        let is_lonely = self.parts.contains(digest) && !self.kept.contains(digest);
        (self.is_gone(digest) || is_lonely) && !self.needed.contains(digest)
    }
}

impl Packs {
    /// Destroys bodies, and of their parts those that nothing kept shares; on the disk when this returns. `kept` are the bodies
    /// that must stay. Returns how many entries were destroyed. Doing it again finishes what was broken off.
    ///
    /// # Errors
    /// `store::file`.
    pub fn erase(&self, erased: &HashSet<Digest>, kept: &HashSet<Digest>) -> Result<u64, StoreError> {
        // Held all the while: a body that comes now must not lean on a part that goes.
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *guard = None;
        let mut packs = Vec::new();
        for name in files::names_in(&self.folder())? {
            if let Some(number) = name.strip_suffix(".pack").and_then(|number| number.parse().ok()) {
                packs.push(self.entries(number)?);
            }
        }
        let mut choice = Choice {
            erased,
            kept,
            parts: HashSet::new(),
            needed: HashSet::new(),
        };
        for pack in &packs {
            pack.each_pieces(|digest, parts| {
                if choice.is_gone(digest) {
                    choice.parts.extend(parts);
                }
            })?;
        }
        for pack in &packs {
            pack.each_pieces(|digest, parts| {
                if !choice.is_gone(digest) {
                    choice.needed.extend(parts);
                }
            })?;
        }
        let mut count = 0;
        for kind in [WHOLE, PIECES] {
            for pack in &packs {
                count += pack.destroy(kind, &choice)?;
            }
        }
        for pack in &packs {
            self.index_anew(pack.number)?;
        }
        Ok(count)
    }

    fn entries(&self, number: u64) -> Result<Pack, StoreError> {
        let path = self.path(number);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let scanned = opened.and_then(|file| Ok((index::scan(&file)?.0, file)));
        let (places, file) = scanned.map_err(|e| StoreError::file(&path, "read", &e))?;
        Ok(Pack { number, file, places })
    }

    /// The index of a full pack names nothing that was destroyed.
    fn index_anew(&self, number: u64) -> Result<(), StoreError> {
        let path = self.folder().join(format!("{number:08}.index"));
        if !path.exists() {
            return Ok(());
        }
        let places = self.entries(number)?.places;
        let rows = u64::try_from(places.len()).unwrap_or(u64::MAX);
        if Index::open(&path, number)?.rows == rows {
            return Ok(());
        }
        self.dir.write(&path, &index::encode(&places))
    }
}

/// A pack with all its entries.
struct Pack {
    number: u64,
    file: File,
    places: HashMap<Digest, Place>,
}

impl Pack {
    fn each_pieces(&self, mut tell: impl FnMut(&Digest, Vec<Digest>)) -> Result<(), StoreError> {
        for (digest, place) in self.places.iter().filter(|(_, place)| place.kind == PIECES) {
            let mut bytes = vec![0; usize::try_from(place.length).unwrap_or(0)];
            let read = self.file.read_exact_at(&mut bytes, place.offset);
            read.map_err(|e| StoreError::file(Path::new("blobs/packs"), "read", &e))?;
            tell(digest, cut::parts(&bytes));
        }
        Ok(())
    }

    fn destroy(&self, kind: u8, choice: &Choice<'_>) -> Result<u64, StoreError> {
        let of_kind = self.places.iter().filter(|(_, place)| place.kind == kind);
        let going = of_kind.filter(|(digest, place)| choice.goes(digest, place.kind));
        let mut count = 0;
        let written = going.map(|(_, place)| place).try_for_each(|place| {
            count += 1;
            self.write_over(place)
        });
        let written = written.and_then(|()| if count > 0 { self.file.sync_all() } else { Ok(()) });
        written.map_err(|e| StoreError::file(Path::new("blobs/packs"), "written", &e))?;
        Ok(count)
    }

    /// The bytes first, then the name: an entry that is named and holds zeros is found again.
    fn write_over(&self, place: &Place) -> io::Result<()> {
        let (mut at, end) = (place.offset, place.offset + u64::from(place.length));
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.file.write_all_at(ZEROS.get(..length).unwrap_or(&ZEROS), at)?;
            at += u64::try_from(length).unwrap_or(u64::MAX);
        }
        let start = place.offset - u64::try_from(HEADER).unwrap_or(0);
        let mut header = [0; HEADER];
        let (_, rest) = header.split_at_mut(32);
        let (length, kind) = rest.split_at_mut(4);
        length.copy_from_slice(&place.length.to_le_bytes());
        kind.fill(ERASED);
        self.file.write_all_at(&header, start)
    }
}
