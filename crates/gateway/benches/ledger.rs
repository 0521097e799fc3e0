//! The ledger at a million entries: appended durably in groups while tree heads are published, proved, and verified from its files
//! alone: `cargo bench --workspace --bench ledger`. It takes minutes and half a gigabyte below the temporary directory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints its figures and stops where something is wrong"
)]

#[path = "../tests/it/world.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cultivar_gateway::LedgerFiles;
use cultivar_ledger::{PublishedLog, TlogProof, TreeHead, VerifierKey, verify_log};
use cultivar_record::{EntryKind, LeafIndex, LedgerEntry, Salt};
use cultivar_store::tables;
use cultivar_testkit::Script;
use world::World;

const ENTRIES: u64 = 1_000_000;
const GROUP: u64 = 256;
/// Proofs are made for every so many entries.
const PROVED_EVERY: usize = 9_973;
const HASH_BYTES: usize = 32;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (world, _provider) = runtime.block_on(World::with_provider(Script::Says(&["yes"])));
    let before = append(&world);
    let files = LedgerFiles::new(world.gateway.dir().ledger());
    let key: VerifierKey = files.verifier_key().unwrap().unwrap().parse().unwrap();
    let note = files.tree_head().unwrap().unwrap();
    let size = TreeHead::open(&note, &key).unwrap().size;
    assert!(size >= before + ENTRIES);
    prove(&files, &note, size);

    let started = Instant::now();
    let report = verify_log(&note, &key, &files).unwrap();
    println!(
        "verify: {} entries and {} tiles in {:.1} s",
        report.entries_checked,
        report.tiles_checked,
        started.elapsed().as_secs_f64()
    );
}

/// Appends all entries in groups, each a transaction that is on the disk, beside a publisher as a server has it; returns how
/// many there were before.
fn append(world: &World) -> u64 {
    let gateway = &world.gateway;
    let before = gateway.publish().unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let publisher = thread::spawn({
        let (gateway, is_done) = (Arc::clone(gateway), Arc::clone(&is_done));
        move || {
            while !is_done.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_secs(1));
                gateway.publish().unwrap();
            }
        }
    });
    let ambient = gateway.ambient();
    let organization = world.organization.id;
    let started = Instant::now();
    let mut subject = 0_u64;
    while subject < ENTRIES {
        let entries: Vec<LedgerEntry> = (subject..(subject + GROUP).min(ENTRIES))
            .map(|subject| {
                let kind = if subject.is_multiple_of(2) {
                    EntryKind::CallIntent
                } else {
                    EntryKind::CallOutcome
                };
                let salt = Salt::new(ambient);
                LedgerEntry::new(kind, organization, subject, salt, &subject, ambient.now()).unwrap()
            })
            .collect();
        subject += GROUP;
        let write = move |tx: &mut dyn cultivar_store::Statements| {
            entries
                .iter()
                .try_for_each(|entry| tables::ledger::append(tx, entry).map(drop))
        };
        gateway.store().write_blocking(write).unwrap();
    }
    let durable = started.elapsed().as_secs_f64();
    is_done.store(true, Ordering::Relaxed);
    publisher.join().expect("the publisher ends");
    gateway.publish().unwrap();
    let whole = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a million is exact")]
    let rate = |seconds: f64| ENTRIES as f64 / seconds;
    println!(
        "append: {:.0} entries/s durable in groups of {GROUP}, {:.0} entries/s until all are published",
        rate(durable),
        rate(whole)
    );
    before
}

/// Makes proofs and checks each.
fn prove(files: &LedgerFiles, note: &str, size: u64) {
    let log = PublishedLog::new(size, files);
    let root = log.root_at(size).unwrap();
    let (mut most_hashes, mut most_text, mut count) = (0, 0, 0_u32);
    let started = Instant::now();
    for index in (0..size).step_by(PROVED_EVERY).map(LeafIndex) {
        let entry = log.entry(index).unwrap();
        let proof = log.inclusion_proof(index, size).unwrap();
        proof.verify(&cultivar_ledger::leaf_hash(&entry), &root).unwrap();
        most_hashes = most_hashes.max(proof.path.len());
        let text = TlogProof {
            extra: None,
            index,
            path: proof.path,
            tree_head: note.to_owned(),
        };
        most_text = most_text.max(text.to_string().len());
        count += 1;
    }
    let each = started.elapsed().as_secs_f64() * 1e3 / f64::from(count);
    println!(
        "prove: at most {most_hashes} hashes, {} bytes, in a tree of {size} entries; {most_text} bytes as a file with its tree head; {each:.2} ms each",
        most_hashes * HASH_BYTES
    );
}
