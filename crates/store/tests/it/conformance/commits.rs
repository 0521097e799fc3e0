//! What a job may count on: all or nothing, its neighbours untouched, what it is told is durable.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use cultivar_record::LeafIndex;
use cultivar_store::{Database, Store, StoreError, tables};

use super::{furnished, told, write};

const JOBS: usize = 300;

/// Keeps the writer busy: whatever is submitted meanwhile gathers and shares the next commits.
pub(crate) fn hold(store: &Store, time: Duration) {
    let held = write(store, move |_| {
        thread::sleep(time);
        Ok(())
    });
    held.unwrap();
}

pub(crate) fn a_failing_job_leaves_nothing_and_does_not_disturb_its_neighbours(database: Arc<dyn Database>) {
    let (store, samples) = furnished(Arc::clone(&database));
    let names: Vec<String> = (0..JOBS).map(|n| format!("org-{n}")).collect();
    let results: Vec<Result<LeafIndex, StoreError>> = thread::scope(|scope| {
        scope.spawn(|| hold(&store, Duration::from_millis(150)));
        let jobs = names.iter().enumerate().map(|(n, name)| {
            let (row, entry) = (samples.another_organization(name), samples.entry(name));
            let store = &store;
            scope.spawn(move || {
                write(store, move |tx| {
                    tables::organization::insert(tx, &row)?;
                    let leaf = tables::ledger::append(tx, &entry)?;
                    match n % 3 {
                        0 => Err(StoreError::Database {
                            reason: format!("job {n} fails"),
                        }),
                        1 if n % 2 == 0 => tables::organization::insert(tx, &row).map(|()| leaf),
                        _ => Ok(leaf),
                    }
                })
            })
        });
        let jobs: Vec<_> = jobs.collect();
        jobs.into_iter().map(|job| job.join().unwrap()).collect()
    });

    let mut leaves = BTreeSet::new();
    let mut kept = BTreeSet::from(["lab".to_owned()]);
    for (n, (name, result)) in names.iter().zip(results).enumerate() {
        match n % 3 {
            0 => assert!(told(result).ends_with(&format!("job {n} fails"))),
            1 if n % 2 == 0 => assert_eq!(told(result), format!("store::exists: org `{name}` exists already")),
            _ => {
                assert!(leaves.insert(result.unwrap().0), "a leaf was given twice");
                kept.insert(name.clone());
            }
        }
    }
    drop(store);
    let store = Store::open(database).unwrap();
    let found = store.read(tables::organization::list).unwrap();
    assert_eq!(found.into_iter().map(|row| row.name).collect::<BTreeSet<_>>(), kept);
    let expected: BTreeSet<u64> = (0..).take(leaves.len()).collect();
    assert_eq!(leaves, expected, "the leaves of what was kept have a gap");
    let waiting = store.read(|tx| tables::ledger::waiting(tx, 1_000)).unwrap();
    assert_eq!(
        waiting.iter().map(|(leaf, _)| leaf.0).collect::<BTreeSet<_>>(),
        expected
    );
}

pub(crate) fn what_was_submitted_is_committed_even_if_nobody_waits(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (row, (done, ended)) = (samples.another_organization("impatient"), mpsc::channel());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let left = runtime.block_on(async {
        let write = store.write(move |tx| {
            thread::sleep(Duration::from_millis(50));
            tables::organization::insert(tx, &row)?;
            Ok(done.send(()))
        });
        tokio::time::timeout(Duration::from_millis(1), write).await
    });
    assert!(left.is_err(), "the caller should have left before the job was done");
    ended.recv().unwrap();
    // The writer takes this one only after it has committed the other.
    write(&store, |_| Ok(())).unwrap();
    assert!(
        store
            .read(|tx| tables::organization::by_name(tx, "impatient"))
            .unwrap()
            .is_some()
    );
}

pub(crate) fn readers_see_what_was_committed_and_nothing_else(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let row = samples.another_organization("new");
    let (begun, has_begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let seen = || {
        store
            .read(|tx| tables::organization::by_name(tx, "new"))
            .unwrap()
            .is_some()
    };
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            write(&store, move |tx| {
                tables::organization::insert(tx, &row)?;
                begun.send(()).unwrap();
                released.recv().unwrap();
                Ok(())
            })
        });
        has_begun.recv().unwrap();
        assert!(!seen(), "a reader saw what was not committed");
        release.send(()).unwrap();
        writing.join().unwrap().unwrap();
        assert!(seen());
    });
}

pub(crate) fn opening_again_changes_nothing(database: Arc<dyn Database>) {
    let (store, samples) = furnished(Arc::clone(&database));
    drop(store);
    let store = Store::open(database).unwrap();
    assert_eq!(store.read(tables::organization::list).unwrap(), [samples.organization]);
    let versions = store.read(|tx| tx.query("SELECT version, name FROM schema_migration ORDER BY version", &[]));
    let names: Vec<String> = versions
        .unwrap()
        .iter()
        .map(|row| row.text(1).unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        cultivar_store::MIGRATIONS
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
    );
}

pub(crate) fn a_database_of_another_version_is_refused(database: Arc<dyn Database>) {
    let (store, _) = furnished(Arc::clone(&database));
    let known = cultivar_store::MIGRATIONS.len();
    write(&store, |tx| {
        tx.execute("UPDATE schema_migration SET version = version - 1", &[])
    })
    .unwrap();
    let older = format!(
        "store::older_schema: the database has schema version {}; this program needs {known}",
        known - 1
    );
    assert_eq!(told(Store::open_to_read(Arc::clone(&database)).map(drop)), older);

    let add = "INSERT INTO schema_migration (version, name) VALUES (99, 'from the future')";
    write(&store, move |tx| tx.execute(add, &[])).unwrap();
    let newer =
        format!("store::newer_schema: the database has schema version 99, but this program knows only up to {known}");
    assert_eq!(told(Store::open_to_read(Arc::clone(&database)).map(drop)), newer);
    assert_eq!(told(Store::open(database).map(drop)), newer);
}
