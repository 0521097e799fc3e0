//! What is not what its digest or signature says is found, named, and ends with exit code 5.

use std::{fs, sync::Arc};

use cultivar_record::{EntryKind, LedgerEntry, Salt};
use cultivar_store::{Sqlite, Store, tables};
use insta::assert_snapshot;

use crate::program::{Workplace, cut, flip};

const VERIFY: [&str; 2] = ["ledger", "verify"];

#[test]
fn a_flipped_bit_anywhere_in_the_ledger_is_found() {
    let workplace = Workplace::with_finished_demo();
    workplace.run(&VERIFY).done();

    let tile = workplace.data("ledger/tile/0/000");
    flip(&tile, 100);
    assert_snapshot!(workplace.run(&VERIFY).failure(), @"
    error[ledger::tile_altered]: hash 3 in `tile/0/000` is not what the log committed to
    help: restore the file from a copy; if the entries are whole, the tile can be computed from them
    exit 5
    ");
    flip(&tile, 100);

    let entries = workplace.data("ledger/tile/entries/001");
    flip(&entries, 50);
    assert_snapshot!(workplace.run(&VERIFY).failure(), @"
    error[ledger::entry_altered]: entry 256 in `tile/entries/001` was altered after it was committed
    help: restore the file from a copy; nothing else can bring the entry back
    exit 5
    ");
    flip(&entries, 50);

    let tree_head = workplace.data("ledger/checkpoint");
    let signature = fs::metadata(&tree_head).unwrap().len() - 10;
    flip(&tree_head, usize::try_from(signature).unwrap());
    let ran = workplace.run(&VERIFY);
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert!(
        // Which one depends on what the byte becomes: another letter of base64, or none.
        ran.stderr.starts_with("error[ledger::bad_signature]: ")
            || ran.stderr.starts_with("error[ledger::malformed]: "),
        "{}",
        ran.stderr
    );
    flip(&tree_head, usize::try_from(signature).unwrap());

    workplace.run(&VERIFY).done();
}

#[test]
fn a_ledger_file_that_is_short_or_gone_is_found() {
    let workplace = Workplace::with_finished_demo();
    let tile = workplace.data("ledger/tile/0/001");
    let whole = fs::read(&tile).unwrap();
    cut(&tile);
    assert_snapshot!(workplace.run(&VERIFY).failure(), @"
    error[ledger::file_damaged]: `tile/0/001` is damaged: it has 4096 bytes, not 8192
    help: restore the file from a copy, then verify again
    exit 5
    ");
    fs::remove_file(&tile).unwrap();
    assert_snapshot!(workplace.run(&VERIFY).failure(), @"
    error[ledger::file_missing]: `tile/0/001` is missing
    help: read `checkpoint` again, for the log may have grown; if it has not, restore the file from a copy
    exit 5
    ");
    crate::program::write(&tile, &whole);
    cut(&workplace.data("ledger/checkpoint"));
    let ran = workplace.run(&VERIFY);
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    fs::remove_file(workplace.data("ledger/checkpoint")).unwrap();
    assert_snapshot!(workplace.run(&VERIFY).failure(), @"
    error[ledger::no_tree_head]: the ledger of `data` has no tree head yet
    help: run the command that was interrupted again: it publishes every entry that is durable
    exit 3
    ");
}

#[test]
fn a_ledger_that_was_rolled_back_is_found_by_its_database() {
    let workplace = Workplace::with_finished_demo();
    let older = fs::read(workplace.data("ledger/checkpoint")).unwrap();
    workplace.run(&["key", "create", "later"]).done();
    crate::program::write(&workplace.data("ledger/checkpoint"), &older);
    let ran = workplace.run(&["ledger", "fsck"]);
    assert_eq!(ran.code, Some(5), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn a_damaged_dataset_is_found() {
    let workplace = Workplace::with_finished_demo();
    workplace.run(&["dataset", "verify", "barista"]).done();
    let train = workplace.data("datasets/barista/1/train.jsonl");
    flip(&train, 3_000);
    assert_snapshot!(workplace.run(&["dataset", "verify", "barista"]).failure(), @"
    error[pipeline::damaged_dataset]: the dataset `barista@1` is damaged: `train.jsonl` is not the one that was sealed
    help: restore it from a backup, or remove its folder and build it again
    exit 5
    ");
    fs::remove_file(train).unwrap();
    assert_snapshot!(workplace.run(&["dataset", "verify", "barista@1"]).failure(), @"
    error[pipeline::damaged_dataset]: the dataset `barista@1` is damaged: `train.jsonl` is missing
    help: restore it from a backup, or remove its folder and build it again
    exit 5
    ");
    let ran = workplace.run(&["doctor"]);
    assert!(ran.stdout.contains("FAILED  dataset barista@1: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("ok      ledger: "), "{}", ran.stdout);
    assert_snapshot!(ran.failure(), @"
    error[doctor::failed]: 1 check(s) failed
    help: each failed check above says what to do
    exit 5
    ");
}

#[test]
fn damaged_weights_are_found_and_everything_else_is_served() {
    let workplace = Workplace::with_finished_demo();
    workplace.run(&["model", "verify", "barista"]).done();
    cut(&workplace.data("models/barista/1/model.safetensors"));
    assert_snapshot!(workplace.run(&["model", "verify", "barista"]).failure(), @"
    error[pipeline::damaged_model]: the model `barista@1` is damaged: `model.safetensors` is not the one that was published
    help: restore it from a backup, or publish it again with `cultivar build`
    exit 5
    ");

    let server = workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(server.says("Serving until interrupted"), "{}", server.said_so_far());
    server.interrupt();
    assert_snapshot!(server.end().failure(), @"
    warning[pipeline::damaged_model]: the model `barista@1` is damaged: `model.safetensors` is not the one that was published
    help: restore it from a backup, or publish it again with `cultivar build`
    Serving until interrupted (Ctrl-C).
    exit 0
    ");
}

#[test]
fn a_ledger_without_its_key_is_not_added_to() {
    let workplace = Workplace::new();
    workplace.run(&["init"]).done();
    let (secret, kept) = (workplace.data("secrets/ledger.key"), workplace.path("kept"));
    fs::rename(&secret, &kept).unwrap();
    assert_snapshot!(workplace.run(&["init"]).failure(), @"
    error[ledger::key_lost]: the ledger was begun, and its secret key `data/secrets/ledger.key` is not there
    help: restore `secrets/` from a backup. Without the key nothing can be added: what the ledger proves stays provable by its files and `log.vkey`, and a new ledger begins in another data directory
    exit 5
    ");
    assert!(!secret.exists(), "no other key is made");
    workplace.run(&VERIFY).done();

    let other = Workplace::new();
    other.run(&["init"]).done();
    fs::copy(other.data("secrets/ledger.key"), &secret).unwrap();
    let refused = workplace.run(&["init"]);
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert!(refused.stderr.contains("ledger::key_other"), "{}", refused.stderr);
    fs::rename(&kept, &secret).unwrap();
    workplace.run(&["init"]).done();
}

#[test]
fn a_clock_behind_the_ledger_is_not_believed() {
    let workplace = Workplace::new();
    workplace.run(&["init"]).done();
    let (organization, later) = (
        "0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811".parse().unwrap(),
        "2099-01-01T00:00:00.000000Z".parse().unwrap(),
    );
    let entry = LedgerEntry::new(
        EntryKind::ProjectChanged,
        organization,
        "a clock that was ahead",
        Salt::from_raw([7; 32]),
        "",
        later,
    )
    .unwrap();
    let store = Store::open(Arc::new(Sqlite::new(workplace.data("cultivar.db")))).unwrap();
    let append = move |tx: &mut dyn cultivar_store::Statements| tables::ledger::append(tx, &entry);
    store.write_blocking(append).unwrap();
    drop(store);
    workplace.run(&["init"]).done();
    let told = workplace.run(&["init"]).failure();
    assert!(told.contains("cli::clock_behind") && told.ends_with("exit 3"), "{told}");
    workplace.write("cultivar.toml", "trust_clock = true\n");
    workplace.run(&["init"]).done();
}
