//! The ledger's rows: leaves without gaps, and a tree head that only its reader may replace.

use std::sync::Arc;

use cultivar_record::{LeafIndex, canonical_json};
use cultivar_store::{Database, StoreError, tables, tables::ledger::Head};

use super::{furnished, told, write};

pub(crate) fn leaves_follow_each_other_without_gaps(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let entries: Vec<_> = ["a", "b", "c"].iter().map(|subject| samples.entry(subject)).collect();
    let rows = entries.clone();
    let leaves = write(&store, move |tx| {
        rows.iter()
            .map(|row| tables::ledger::append(tx, row))
            .collect::<Result<Vec<_>, _>>()
    });
    assert_eq!(leaves.unwrap(), [LeafIndex(0), LeafIndex(1), LeafIndex(2)]);

    let given_up = samples.entry("given up");
    let refused = write::<()>(&store, move |tx| {
        assert_eq!(tables::ledger::append(tx, &given_up)?, LeafIndex(3));
        Err(StoreError::Database {
            reason: "the job gave up".to_owned(),
        })
    });
    assert_eq!(told(refused), "store::database: the database refused: the job gave up");

    let fourth = samples.entry("d");
    let row = fourth.clone();
    assert_eq!(
        write(&store, move |tx| tables::ledger::append(tx, &row)).unwrap(),
        LeafIndex(3)
    );
    let waiting = store.read(|tx| tables::ledger::waiting(tx, 100)).unwrap();
    let expected = entries
        .iter()
        .chain([&fourth])
        .map(|entry| canonical_json(entry).unwrap());
    assert_eq!(waiting, (0..).map(LeafIndex).zip(expected).collect::<Vec<_>>());
    assert_eq!(store.read(|tx| tables::ledger::waiting(tx, 2)).unwrap(), waiting[..2]);
}

pub(crate) fn a_tree_head_is_replaced_by_whoever_read_it(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    for subject in ["a", "b", "c"] {
        let entry = samples.entry(subject);
        write(&store, move |tx| tables::ledger::append(tx, &entry)).unwrap();
    }
    let publish =
        |old, new, note: &'static str| write(&store, move |tx| tables::ledger::publish(tx, old, new, note)).unwrap();
    let head = |next_leaf, published_size, note: &str| Head {
        next_leaf,
        published_size,
        note: note.to_owned(),
    };
    assert_eq!(store.read(tables::ledger::head).unwrap(), head(3, 0, ""));

    assert!(!publish(1, 3, "by somebody who read another head"));
    assert_eq!(store.read(tables::ledger::head).unwrap(), head(3, 0, ""));
    assert_eq!(store.read(|tx| tables::ledger::waiting(tx, 9)).unwrap().len(), 3);

    assert!(publish(0, 2, "two"));
    assert!(!publish(0, 2, "two again"));
    assert_eq!(store.read(tables::ledger::head).unwrap(), head(3, 2, "two"));
    let waiting = store.read(|tx| tables::ledger::waiting(tx, 9)).unwrap();
    assert_eq!(waiting.iter().map(|(leaf, _)| leaf.0).collect::<Vec<_>>(), [2]);

    assert!(publish(2, 3, "three"));
    let entry = samples.entry("d");
    assert_eq!(
        write(&store, move |tx| tables::ledger::append(tx, &entry)).unwrap(),
        LeafIndex(3)
    );
    assert_eq!(store.read(tables::ledger::head).unwrap(), head(4, 3, "three"));
}

pub(crate) fn the_salt_of_an_entry_stays_when_the_entry_moves_to_its_tile(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (entry, salt) = (samples.entry("a"), samples.salt());
    let leaf = write(&store, move |tx| tables::ledger::append_with_salt(tx, &entry, salt)).unwrap();
    assert!(write(&store, |tx| tables::ledger::publish(tx, 0, 1, "one")).unwrap());
    assert_eq!(store.read(|tx| tables::ledger::salt(tx, leaf)).unwrap(), Some(salt));
    assert_eq!(store.read(|tx| tables::ledger::salt(tx, LeafIndex(1))).unwrap(), None);
}
