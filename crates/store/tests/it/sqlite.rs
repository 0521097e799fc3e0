//! SQLite: the whole suite, and what only a file on a disk can do.

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use cultivar_store::{Connection, Database, MIGRATIONS, SCHEMA, Sqlite, Store, tables};
use tempfile::TempDir;

use crate::{
    conformance::{self, told},
    samples::Samples,
};

/// A file in a folder that is removed afterwards.
fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cultivar.db");
    (folder, path)
}

macro_rules! conforms {
    ($($behaviour:ident)*) => {$(
        #[test]
        fn $behaviour() {
            let (_folder, path) = file();
            conformance::$behaviour(Arc::new(Sqlite::new(path)));
        }
    )*};
}

conforms! {
    an_organization_is_found_by_id_and_name
    the_name_of_an_organization_is_taken_once
    what_is_stored_is_the_canonical_text
    a_key_is_found_by_its_hash_alone
    a_key_needs_its_organization_and_a_hash_of_its_own
    a_provider_is_kept_updated_and_removed
    a_provider_has_a_name_of_its_own_and_may_share_its_model
    the_same_terms_are_accepted_once_and_their_next_version_again
    a_verdict_is_kept_whichever_way_it_went
    an_exchange_is_open_until_its_outcome
    an_exchange_ends_once
    the_salts_stand_apart_from_the_records
    the_same_question_is_found_where_it_was_answered
    exchanges_are_paged_in_the_order_of_their_ids
    exchanges_are_counted_by_state
    leaves_follow_each_other_without_gaps
    a_tree_head_is_replaced_by_whoever_read_it
    the_salt_of_an_entry_stays_when_the_entry_moves_to_its_tile
    a_dataset_has_versions
    a_run_is_kept_up_to_date
    a_model_version_is_published_and_retired
    a_comparison_gets_its_results_once
    a_job_is_claimed_once_the_oldest_first
    a_job_of_a_killed_process_is_queued_again
    a_failing_job_leaves_nothing_and_does_not_disturb_its_neighbours
    what_was_submitted_is_committed_even_if_nobody_waits
    readers_see_what_was_committed_and_nothing_else
    opening_again_changes_nothing
    a_database_of_another_version_is_refused
}

/// What SQLite itself says about the schema, and the rows that a new database holds.
fn described(connection: &mut dyn Connection) -> Vec<cultivar_store::Row> {
    let tables = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name <> 'schema_migration' \
                  AND name NOT LIKE 'sqlite_autoindex_schema_migration%' ORDER BY type, name";
    let mut rows = connection.statements().query(tables, &[]).unwrap();
    rows.extend(connection.statements().query("SELECT * FROM tree_head", &[]).unwrap());
    rows
}

#[test]
fn migrations_from_zero_give_exactly_the_readable_schema() {
    let (_first, migrated) = file();
    Store::open(Arc::new(Sqlite::new(&migrated))).unwrap();
    let (_second, written) = file();
    let mut by_hand = Sqlite::new(written).connect().unwrap();
    by_hand.script(SCHEMA).unwrap();

    let expected = described(by_hand.as_mut());
    assert!(expected.len() > 12, "the schema has hardly any tables: {expected:?}");
    assert_eq!(described(Sqlite::new(migrated).connect().unwrap().as_mut()), expected);
    assert!(MIGRATIONS.iter().map(|(name, _)| name).is_sorted());
}

#[test]
fn an_approval_of_before_signatures_is_kept_as_what_it_was() {
    let (_folder, path) = file();
    let mut before = Sqlite::new(&path).connect().unwrap();
    let version = "CREATE TABLE schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL)";
    before.script(version).unwrap();
    for (version, (name, sql)) in (1_i64..).zip(&MIGRATIONS[..2]) {
        before.script(sql).unwrap();
        let values = [version.into(), (*name).into()];
        let sql = "INSERT INTO schema_migration (version, name) VALUES ($1, $2)";
        before.statements().execute(sql, &values).unwrap();
    }
    let record = r#"{"at":"2026-01-01T00:00:00.000000Z","granted_by":"the authority","id":"0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811","market":"CN","model":"assistant","organization":"0197a3c2-6f10-7c3e-9d2a-5b1e7f60c812","reference":"no. 7"}"#;
    let values = ["0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811", "assistant", "CN", record].map(Into::into);
    let sql = "INSERT INTO approval (id, model, market, record) VALUES ($1, $2, $3, $4)";
    before.statements().execute(sql, &values).unwrap();
    drop(before);

    let store = Store::open(Arc::new(Sqlite::new(&path))).unwrap();
    let unsigned = store.read(tables::approval::unsigned).unwrap();
    assert_eq!((unsigned.len(), unsigned[0].reference.as_str()), (1, "no. 7"));
    assert_eq!(store.read(tables::approval::list).unwrap(), []);
}

#[test]
fn a_store_for_looking_changes_nothing() {
    let (_folder, path) = file();
    let samples = Samples::new();
    let row = samples.organization.clone();
    let store = Store::open(Arc::new(Sqlite::new(&path))).unwrap();
    store
        .write_blocking(move |tx| tables::organization::insert(tx, &row))
        .unwrap();

    let looking = Store::open_to_read(Arc::new(Sqlite::read_only(&path))).unwrap();
    assert_eq!(
        looking.read(tables::organization::list).unwrap(),
        std::slice::from_ref(&samples.organization)
    );
    let more = samples.another_organization("more");
    let refused = told(looking.write_blocking(move |tx| tables::organization::insert(tx, &more)));
    assert!(
        refused.starts_with("store::database: the database refused: "),
        "{refused}"
    );
    assert_eq!(store.read(tables::organization::list).unwrap().len(), 1);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (folder, path) = file();
    cultivar_store::files::write_atomic(folder.path(), &path, &[7; 4096]).unwrap();
    let refused = told(Store::open(Arc::new(Sqlite::new(&path))).map(drop));
    assert_eq!(refused, "store::database: the database refused: file is not a database");
    assert_eq!(std::fs::read(path).unwrap(), [7; 4096]);
}

#[test]
fn a_full_disk_fails_the_whole_group_by_its_name_and_the_next_one_goes_on() {
    let (_folder, path) = file();
    let store = Store::open(Arc::new(Sqlite::new(path))).unwrap();
    let samples = Samples::new();
    let allow = |pages: u32| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        store.write_blocking(move |tx| tx.query(&sql, &[])).unwrap();
    };
    let insert = |name: &str| {
        let row = samples.another_organization(name);
        store.write_blocking(move |tx| tables::organization::insert(tx, &row))
    };
    insert("before").unwrap();
    allow(1); // SQLite makes it as many as there are.
    let huge = "x".repeat(1 << 20);
    let (small, large) = thread::scope(|scope| {
        scope.spawn(|| conformance::hold(&store, Duration::from_millis(100)));
        thread::sleep(Duration::from_millis(20));
        let small = scope.spawn(|| insert("small"));
        thread::sleep(Duration::from_millis(20));
        let large = scope.spawn(|| insert(&huge));
        (small.join().unwrap(), large.join().unwrap())
    });
    let full = "store::disk_full: no space is left for `cultivar.db`";
    assert_eq!(told(large), full);
    assert_eq!(told(small), full);

    allow(1 << 20);
    insert("after").unwrap();
    let names = store.read(tables::organization::list).unwrap();
    let names: Vec<&str> = names.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["before", "after"]);
}
