//! Names of tiles, and which tile holds what. Source: `c2sp.org/tlog-tiles`, "Merkle Tree" and "Log entries".

use std::{fmt, str::FromStr};

use crate::LedgerError;

/// Hashes in a full tile, entries in a full bundle: a tile is a tree of height 8.
pub(crate) const TILE_WIDTH: u64 = 256;
/// Tile levels that a log of 2^64 - 1 entries has.
pub(crate) const LEVELS: u32 = 8;
/// The last level that a path may name (C2SP).
const LAST_LEVEL: u32 = 63;

/// The place of a file in the ledger's folder: `tile/<level>/<n>` or `tile/entries/<n>`, with `.p/<width>` while it is
/// partial. Its text is the path relative to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    kind: Kind,
    index: u64,
    width: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Hashes(u32),
    Entries,
}

impl TilePath {
    /// The tile of hashes `index` of `level` in a log of `size` entries.
    pub(crate) fn hashes(level: u32, index: u64, size: u64) -> Self {
        let width = width_at(level, index, size);
        Self {
            kind: Kind::Hashes(level),
            index,
            width,
        }
    }

    /// The bundle of entries `index` in a log of `size` entries.
    pub(crate) fn entries(index: u64, size: u64) -> Self {
        Self {
            kind: Kind::Entries,
            index,
            width: width_at(0, index, size),
        }
    }

    /// The same place once it is full.
    pub(crate) fn filled(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// How many hashes or entries it holds, 1 to 256.
    pub(crate) fn width(self) -> usize {
        usize::try_from(self.width).unwrap_or(usize::MAX)
    }
}

fn width_at(level: u32, index: u64, size: u64) -> u64 {
    let first = index.saturating_mul(TILE_WIDTH);
    hashes_at(level, size).saturating_sub(first).min(TILE_WIDTH)
}

/// How many hashes a log of `size` entries has at a tile level.
pub(crate) fn hashes_at(level: u32, size: u64) -> u64 {
    size.checked_shr(8 * level).unwrap_or(0)
}

/// The tile under way at a level, where there is one.
pub(crate) fn edge_tile(level: u32, size: u64) -> Option<TilePath> {
    let path = TilePath::hashes(level, edge_index(level, size), size);
    (path.width > 0).then_some(path)
}

/// The bundle under way, where there is one.
pub(crate) fn edge_bundle(size: u64) -> Option<TilePath> {
    let path = TilePath::entries(edge_index(0, size), size);
    (path.width > 0).then_some(path)
}

/// The index of the tile under way at a level: so many are full.
pub(crate) fn edge_index(level: u32, size: u64) -> u64 {
    hashes_at(level, size) / TILE_WIDTH
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        fmt_index(self.index, f)?;
        if self.width < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// 1234067 is `x001/x234/067`.
fn fmt_index(index: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt_leading(index / 1000, f)?;
    write!(f, "{:03}", index % 1000)
}

fn fmt_leading(index: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if index > 0 {
        fmt_leading(index / 1000, f)?;
        write!(f, "x{:03}/", index % 1000)?;
    }
    Ok(())
}

impl FromStr for TilePath {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = parse(text).filter(|path| path.to_string() == text);
        path.ok_or_else(|| LedgerError::Malformed {
            what: "tile path",
            reason: "it follows no pattern of C2SP tlog-tiles".to_owned(),
            example: "tile/0/x001/067.p/12",
        })
    }
}

/// Reads a path leniently; what does not print as it was read is refused above.
fn parse(text: &str) -> Option<TilePath> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => Kind::Entries,
        level => Kind::Hashes(level.parse().ok().filter(|l| *l <= LAST_LEVEL)?),
    };
    let (index, width) = match rest.split_once(".p/") {
        None => (rest, TILE_WIDTH),
        Some((index, width)) => (index, width.parse().ok().filter(|w| (1..TILE_WIDTH).contains(w))?),
    };
    let index = index.split('/').try_fold(0_u64, |sum, part| {
        let part: u64 = part.strip_prefix('x').unwrap_or(part).parse().ok()?;
        sum.checked_mul(1000)?.checked_add(part)
    })?;
    Some(TilePath { kind, index, width })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_size_of_70000_has_the_tiles_of_the_specification() {
        let edges: Vec<_> = (0..LEVELS)
            .filter_map(|level| edge_tile(level, 70_000))
            .map(|path| path.to_string())
            .collect();
        assert_eq!(edges, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        assert_eq!(edge_bundle(70_000).unwrap().to_string(), "tile/entries/273.p/112");
        assert_eq!(edge_tile(0, 256), None);
        assert_eq!(edge_tile(1, 256).unwrap().to_string(), "tile/1/000.p/1");
        assert_eq!(
            TilePath::hashes(0, 1_234_067, u64::MAX).to_string(),
            "tile/0/x001/x234/067"
        );
    }

    #[test]
    fn paths_that_are_written_another_way_are_refused() {
        for text in [
            "",
            "tile/0/67",
            "tile/00/067",
            "tile/0/001/067",
            "tile/0/x000/067",
            "tile/0/x001/067.p/0",
            "tile/0/x001/067.p/256",
            "tile/0/067.p/01",
            "tile/64/000",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/../000",
            "tile/0/+67",
            "tile/entries/x67",
            "checkpoint",
        ] {
            assert!(text.parse::<TilePath>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_path_reads_back(level in 0..LEVELS, size in 1_u64.., pick in any::<u64>()) {
            let hashes = hashes_at(level, size);
            prop_assume!(hashes > 0);
            let path = TilePath::hashes(level, (pick % hashes) / TILE_WIDTH, size);
            prop_assert_eq!(path.to_string().parse::<TilePath>().unwrap(), path);
        }

        #[test]
        fn any_text_is_refused_or_prints_as_it_was(text in "(tile|x)?/?(entries|[0-9]{0,2})/[x0-9/.p]{0,20}") {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
