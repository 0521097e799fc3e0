//! Bodies of calls, by digest, many to a file: `blobs/packs/<n>.pack`, with a sorted index beside each file that is full.
//!
//! A body is kept once, and a long part of it (a system prompt, a message of an earlier turn) is kept once however many bodies
//! repeat it: the body then names the part by its digest. What is read is checked against the digest that was asked for.
//!
//! It does not know what a body says; it cuts where JSON ends a value, so that equal parts fall together.

mod cut;
mod erase;
mod index;

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cultivar_record::Digest;

use crate::{DataDir, StoreError, files};
use index::{Index, Place};

/// A pack is full from here on.
const FULL_PACK: u64 = 64 << 20;
/// Digest, length, kind.
const HEADER: usize = 32 + 4 + 1;
/// The entry's bytes are the body.
const WHOLE: u8 = 0;
/// The entry's bytes are pieces of the body, or digests of parts.
const PIECES: u8 = 1;
/// The entry was destroyed: zeros stand in its place.
const ERASED: u8 = 2;
/// Long parts that are remembered beyond their pack, so that a prompt in daily use is not kept anew in each.
const REMEMBERED_PARTS: usize = 65_536;

/// The packs of a data directory.
pub struct Packs {
    dir: DataDir,
    full: u64,
    open: Mutex<Option<Open>>,
}

/// The pack that is being filled.
struct Open {
    number: u64,
    file: File,
    length: u64,
    places: HashMap<Digest, Place>,
    /// Parts of full packs that were met lately.
    parts: HashMap<Digest, u64>,
    sealed: Vec<Index>,
}

impl Packs {
    /// The packs of this directory; nothing is read before something is asked for.
    pub fn new(dir: &DataDir) -> Self {
        Self::that_fill_at(dir, FULL_PACK)
    }

    /// As [`Packs::new`]; a pack is full from this many bytes on.
    pub fn that_fill_at(dir: &DataDir, bytes: u64) -> Self {
        Self {
            dir: dir.clone(),
            full: bytes,
            open: Mutex::new(None),
        }
    }

    fn folder(&self) -> PathBuf {
        self.dir.blobs().join("packs")
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder().join(format!("{number:08}.pack"))
    }

    /// Keeps bodies under their digests, on the disk when this returns. A body that is there already is kept once.
    ///
    /// # Errors
    /// `store::disk_full`, `store::file`.
    pub fn append<'a>(&self, bodies: impl Iterator<Item = (Digest, &'a bytes::Bytes)>) -> Result<(), StoreError> {
        let mut guard = self.opened()?;
        let Some(open) = guard.as_mut() else { return Ok(()) };
        let mut buffer = Vec::new();
        let mut fresh = HashMap::new();
        for (digest, body) in bodies {
            open.add(digest, body, &mut buffer, &mut fresh);
        }
        if buffer.is_empty() {
            return Ok(());
        }
        let path = self.path(open.number);
        let written = open
            .file
            .write_all_at(&buffer, open.length)
            .and_then(|()| open.file.sync_data());
        written.map_err(|e| StoreError::file(&path, "written", &e))?;
        open.length += u64::try_from(buffer.len()).unwrap_or(0);
        open.places.extend(fresh);
        if open.length >= self.full {
            self.seal(open)?;
        }
        Ok(())
    }

    /// The bytes of a body, checked; nothing where no pack has it.
    ///
    /// # Errors
    /// `store::corrupt_blob` where it is damaged.
    pub fn bytes(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let mut guard = self.opened()?;
        let Some(open) = guard.as_mut() else { return Ok(None) };
        let Some(body) = self.read(open, digest, true)? else {
            return Ok(None);
        };
        if Digest::of_bytes(&body) == *digest {
            Ok(Some(body))
        } else {
            Err(damaged(digest))
        }
    }

    /// Looks at everything anew: for a process that reads what another one writes.
    pub fn refresh(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A body, or a part of one. What is a part of one body may be a body itself, and cut there: as a part it is kept whole.
    fn read(&self, open: &Open, digest: &Digest, is_body: bool) -> Result<Option<Vec<u8>>, StoreError> {
        let fits = |place: &Place| is_body || place.kind == WHOLE;
        let Some((number, place)) = Self::find(open, digest, fits)? else {
            return Ok(None);
        };
        let path = self.path(number);
        let bytes = {
            let mut bytes = vec![0; usize::try_from(place.length).unwrap_or(0)];
            let read = if number == open.number {
                open.file.read_exact_at(&mut bytes, place.offset)
            } else {
                File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, place.offset))
            };
            read.map_err(|e| StoreError::file(&path, "read", &e))?;
            bytes
        };
        if place.kind == WHOLE {
            return Ok(Some(bytes));
        }
        let part = |digest: &Digest| self.read(open, digest, false)?.ok_or_else(|| damaged(digest));
        cut::join(&bytes, part).map(Some)
    }

    fn find(open: &Open, digest: &Digest, fits: impl Fn(&Place) -> bool) -> Result<Option<(u64, Place)>, StoreError> {
        if let Some(place) = open.places.get(digest).filter(|place| fits(place)) {
            return Ok(Some((open.number, *place)));
        }
        for index in open.sealed.iter().rev() {
            if let Some(place) = index.find(digest)?.filter(&fits) {
                return Ok(Some((index.number, place)));
            }
        }
        Ok(None)
    }

    fn opened(&self) -> Result<MutexGuard<'_, Option<Open>>, StoreError> {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            *guard = Some(self.open_last()?);
        }
        Ok(guard)
    }

    fn open_last(&self) -> Result<Open, StoreError> {
        let folder = self.folder();
        files::create_folder(&folder)?;
        let mut sealed = Vec::new();
        let mut number = 1;
        for name in files::names_in(&folder)? {
            if let Some(full) = name.strip_suffix(".index").and_then(|number| number.parse().ok()) {
                sealed.push(Index::open(&folder.join(&name), full)?);
                number = number.max(full + 1);
            }
        }
        let path = self.path(number);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = opened
            .or_else(|_| File::open(&path))
            .map_err(|e| StoreError::file(&path, "opened", &e))?;
        let (places, length) = index::scan(&file).map_err(|e| StoreError::file(&path, "read", &e))?;
        Ok(Open {
            number,
            file,
            length,
            places,
            parts: HashMap::new(),
            sealed,
        })
    }

    fn seal(&self, open: &mut Open) -> Result<(), StoreError> {
        let path = self.folder().join(format!("{:08}.index", open.number));
        self.dir.write(&path, &index::encode(&open.places))?;
        let full = open.number;
        let is_part = |place: &Place| place.kind == WHOLE && usize::try_from(place.length).unwrap_or(0) >= cut::LONG;
        let long = open.places.iter().filter(|(_, place)| is_part(place));
        let parts: Vec<Digest> = long.map(|(digest, _)| *digest).collect();
        let mut next = self.open_last()?;
        next.parts = std::mem::take(&mut open.parts);
        next.parts.extend(parts.into_iter().map(|digest| (digest, full)));
        if next.parts.len() > REMEMBERED_PARTS {
            next.parts.retain(|_, number| *number == full);
        }
        *open = next;
        Ok(())
    }
}

impl Open {
    /// Puts a body's entries into the buffer that will follow the file.
    fn add(&self, digest: Digest, body: &[u8], buffer: &mut Vec<u8>, fresh: &mut HashMap<Digest, Place>) {
        if self.knows(&digest, fresh) {
            return;
        }
        let parts = cut::long_parts(body);
        if parts.is_empty() {
            self.put(digest, WHOLE, body, buffer, fresh);
            return;
        }
        let mut pieces = Vec::new();
        let mut end = 0;
        for part in parts {
            let bytes = body.get(part.clone()).unwrap_or_default();
            let name = Digest::of_bytes(bytes);
            let known = fresh.get(&name).or_else(|| self.places.get(&name));
            if known.is_some_and(|place| place.kind != WHOLE) {
                // It is a body that was cut itself: parts of parts would have no end, so it stays within this one.
                continue;
            }
            if known.is_none() && !self.parts.contains_key(&name) {
                self.put(name, WHOLE, bytes, buffer, fresh);
            }
            cut::push_text(&mut pieces, body.get(end..part.start).unwrap_or_default());
            cut::push_part(&mut pieces, &name);
            end = part.end;
        }
        cut::push_text(&mut pieces, body.get(end..).unwrap_or_default());
        self.put(digest, PIECES, &pieces, buffer, fresh);
    }

    fn knows(&self, digest: &Digest, fresh: &HashMap<Digest, Place>) -> bool {
        self.places.contains_key(digest) || self.parts.contains_key(digest) || fresh.contains_key(digest)
    }

    fn put(&self, digest: Digest, kind: u8, bytes: &[u8], buffer: &mut Vec<u8>, fresh: &mut HashMap<Digest, Place>) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        buffer.extend_from_slice(digest.as_bytes());
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.push(kind);
        let offset = self.length + u64::try_from(buffer.len()).unwrap_or(0);
        buffer.extend_from_slice(bytes);
        fresh.insert(digest, Place { offset, length, kind });
    }
}

fn damaged(digest: &Digest) -> StoreError {
    StoreError::CorruptBlob {
        digest: digest.to_string(),
        what: "damaged",
    }
}
