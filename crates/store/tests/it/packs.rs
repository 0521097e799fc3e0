//! Packs: whatever was kept comes back byte for byte, however it was cut, sealed or torn.

use std::{fs::OpenOptions, path::PathBuf};

use bytes::Bytes;
use cultivar_record::Digest;
use cultivar_store::{DataDir, Packs, files};
use proptest::prelude::*;
use tempfile::TempDir;

fn place() -> (TempDir, DataDir) {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::create(folder.path()).unwrap();
    (folder, dir)
}

fn pack_files(dir: &DataDir, ending: &str) -> Vec<PathBuf> {
    let folder = dir.blobs().join("packs");
    let names = files::names_in(&folder).unwrap();
    names
        .iter()
        .filter(|name| name.ends_with(ending))
        .map(|name| folder.join(name))
        .collect()
}

fn keep(packs: &Packs, bodies: &[Bytes]) {
    packs
        .append(bodies.iter().map(|body| (Digest::of_bytes(body), body)))
        .unwrap();
}

fn kept(packs: &Packs, body: &Bytes) -> Option<Vec<u8>> {
    packs.bytes(&Digest::of_bytes(body)).unwrap()
}

/// JSON with long values that repeat, bytes, and bodies that hold other bodies.
fn body() -> impl Strategy<Value = Bytes> {
    let long = prop_oneof![Just("a".repeat(1_100)), Just("b\\\"{[".repeat(400)), "[c-f]{1000,1100}"];
    let leaf = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from),
        long.prop_map(|text| Bytes::from(format!("{{\"messages\":[{{\"content\":\"{text}\"}}],\"n\":1}}"))),
        prop::collection::vec("[{}\\[\\]\",:a]{300,500}", 1..5)
            .prop_map(|parts| Bytes::from(format!("{{{}", parts.concat()))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::vec(inner, 1..3).prop_map(|bodies| {
            let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
            Bytes::from(format!("{{\"messages\":[{}]}}", texts.join(",")))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_kept_comes_back_over_any_number_of_packs_and_openings(
        groups in prop::collection::vec(prop::collection::vec(body(), 0..4), 1..8),
        full in prop_oneof![Just(1_u64), Just(3_000), Just(1 << 30)],
        openings in prop::collection::vec(any::<bool>(), 8),
    ) {
        let (_folder, dir) = place();
        let mut packs = Packs::that_fill_at(&dir, full);
        for (group, opens) in groups.iter().zip(openings) {
            keep(&packs, group);
            if opens {
                packs = Packs::that_fill_at(&dir, full);
            }
            for body in group {
                prop_assert_eq!(kept(&packs, body), Some(body.to_vec()));
            }
        }
        let fresh = Packs::that_fill_at(&dir, full);
        for body in groups.iter().flatten() {
            prop_assert_eq!(kept(&packs, body), Some(body.to_vec()));
            prop_assert_eq!(kept(&fresh, body), Some(body.to_vec()));
        }
        prop_assert_eq!(packs.bytes(&Digest::of_bytes(b"never kept")).unwrap(), None);
    }

    #[test]
    fn a_pack_that_is_torn_keeps_what_is_whole_and_takes_the_rest_anew(
        bodies in prop::collection::vec(body(), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (_folder, dir) = place();
        let packs = Packs::new(&dir);
        let mut lengths = Vec::new();
        for body in &bodies {
            keep(&packs, std::slice::from_ref(body));
            lengths.push(std::fs::metadata(&pack_files(&dir, ".pack")[0]).unwrap().len());
        }
        let file = OpenOptions::new().write(true).open(&pack_files(&dir, ".pack")[0]).unwrap();
        let length = u64::try_from(cut.index(usize::try_from(*lengths.last().unwrap()).unwrap() + 1)).unwrap();
        file.set_len(length).unwrap();
        let torn = Packs::new(&dir);
        for (body, end) in bodies.iter().zip(&lengths) {
            if *end <= length {
                prop_assert_eq!(kept(&torn, body), Some(body.to_vec()));
            }
        }
        keep(&torn, &bodies);
        for packs in [&torn, &Packs::new(&dir)] {
            for body in &bodies {
                prop_assert_eq!(kept(packs, body), Some(body.to_vec()));
            }
        }
    }
}

#[test]
fn a_body_within_a_body_comes_back_whichever_came_first() {
    let long = "x".repeat(2_000);
    let inner = Bytes::from(format!("{{\"messages\":[{{\"content\":\"{long}\"}}],\"model\":\"m\"}}"));
    let outer = Bytes::from(format!("{{\"messages\":[{}]}}", String::from_utf8_lossy(&inner)));
    for bodies in [[&inner, &outer], [&outer, &inner]] {
        for full in [1, 1 << 30] {
            let (_folder, dir) = place();
            for body in bodies {
                // A program that begins anew remembers nothing of the parts of full packs.
                keep(&Packs::that_fill_at(&dir, full), std::slice::from_ref(body));
            }
            let packs = Packs::that_fill_at(&dir, full);
            for body in bodies {
                assert_eq!(kept(&packs, body).as_deref(), Some(body.as_ref()));
            }
        }
    }
}

#[test]
fn a_long_message_is_kept_once_over_packs() {
    let (_folder, dir) = place();
    let packs = Packs::that_fill_at(&dir, 10_000);
    let system = "y".repeat(8_000);
    for n in 0..50 {
        let body = format!("{{\"messages\":[{{\"content\":\"{system}\"}},{{\"content\":\"{n}\"}}]}}");
        keep(&packs, &[Bytes::from(body)]);
    }
    let size: u64 = pack_files(&dir, ".pack")
        .iter()
        .map(|file| std::fs::metadata(file).unwrap().len())
        .sum();
    assert!(size < 20_000, "{size} bytes");
}
