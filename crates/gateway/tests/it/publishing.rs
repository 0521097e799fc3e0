//! From durable entries to published tiles, whatever a process died in the middle of.

use std::{collections::BTreeMap, fs, ops::Range, path::Path, sync::Arc, time::Duration};

use cultivar_record::Purpose;
use cultivar_store::{DataDir, files, tables};
use cultivar_testkit::Script;
use tempfile::TempDir;

use crate::world::{World, soon, verify};

/// Adds entries to the ledger: one for each organisation.
async fn grow(world: &World, names: Range<u32>) {
    for name in names {
        let market = "US".parse().unwrap();
        world
            .gateway
            .create_organization(&format!("org-{name}"), market)
            .await
            .unwrap();
    }
}

/// All files below a folder with their contents.
fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn the_ledger_verifies_at_every_size_and_keeps_no_superseded_tile() {
    let world = World::new().await;
    for (size, names) in [
        (1, 0..0),
        (2, 0..1),
        (9, 1..8),
        (255, 8..254),
        (256, 254..255),
        (258, 255..257),
    ] {
        grow(&world, names).await;
        let report = world.verified();
        assert_eq!((report.size, report.entries_checked), (size, size));
    }
    let partial = |(path, _): &(String, Vec<u8>)| path.contains(".p/");
    let partial: Vec<String> = files_below(&world.dir().ledger())
        .iter()
        .filter(|f| partial(f))
        .map(|(path, _)| path.clone())
        .collect();
    assert_eq!(partial.len(), 3, "{partial:?}");
    let head = world.gateway.store().read(tables::ledger::head).unwrap();
    assert_eq!((head.next_leaf, head.published_size), (258, 258));
    assert_eq!(
        world.gateway.store().read(|tx| tables::ledger::waiting(tx, 9)).unwrap(),
        []
    );
    // Publishing nothing changes nothing.
    let before = files_below(&world.dir().ledger());
    assert_eq!(world.gateway.publish().unwrap(), 258);
    assert_eq!(files_below(&world.dir().ledger()), before);
}

/// A data directory as it stood at one moment: the database, and the ledger's files by their path.
struct Moment {
    folder: TempDir,
    files: BTreeMap<String, Vec<u8>>,
}

impl Moment {
    fn of(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = format!("VACUUM INTO '{}'", folder.path().join("cultivar.db").display());
        world.gateway.store().read(|tx| tx.query(&copy, &[])).unwrap();
        let ledger = world.dir().ledger();
        let files = files_below(&ledger).into_iter();
        let below = format!("{}/", ledger.display());
        Self {
            folder,
            files: files
                .map(|(path, bytes)| (path.strip_prefix(&below).unwrap().to_owned(), bytes))
                .collect(),
        }
    }

    fn database(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("cultivar.db")).unwrap()
    }

    fn tiles(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.files.iter().filter(|(path, _)| path.starts_with("tile/"))
    }
}

/// What a process leaves that dies while it publishes: the row and the tree head of one moment or the other, and some of
/// the tiles of the later one beside those of the earlier one.
fn wreck(row: &Moment, head: &Moment, earlier: &Moment, later: &Moment, tiles: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::create(folder.path()).unwrap();
    dir.write(&dir.database(), &row.database()).unwrap();
    for name in ["checkpoint", "log.vkey"] {
        if let Some(bytes) = head.files.get(name) {
            dir.write(&dir.ledger().join(name), bytes).unwrap();
        }
    }
    for (path, bytes) in earlier.tiles().chain(later.tiles().take(tiles)) {
        dir.write(&dir.ledger().join(path), bytes).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_process_may_die_anywhere_while_it_publishes() {
    // The sizes before and after: within a tile, onto its edge, across it.
    for (before, after) in [(1, 4), (200, 256), (250, 261), (256, 257)] {
        let world = World::new().await;
        grow(&world, 0..before - 1).await;
        world.verified();
        grow(&world, before - 1..after - 1).await;
        let earlier = Moment::of(&world);
        world.verified();
        let later = Moment::of(&world);
        let all = later.tiles().count();
        let deaths = [
            ("before the first tile", &earlier, &earlier, 0),
            ("between two tiles", &earlier, &earlier, all / 2),
            ("after the tiles, before the row", &earlier, &earlier, all),
            ("after the row, before the tree head", &later, &earlier, all),
            ("after the tree head, before the old tiles went", &later, &later, all),
        ];
        for (death, row, head, tiles) in deaths {
            let again = world.opened_at(wreck(row, head, &earlier, &later, tiles));
            let report = verify(&again.dir());
            assert_eq!(
                report.size,
                u64::from(after),
                "died {death}: what was durable is published at the start"
            );
            assert_eq!(
                report.root,
                verify(&world.dir()).root,
                "died {death}: the tree is another"
            );
            grow(&again, 1_000..1_003).await;
            assert_eq!(again.verified().size, u64::from(after) + 3, "died {death}");
        }
    }
}

#[tokio::test]
async fn a_tree_head_that_was_never_written_or_lost_is_written_again() {
    let world = World::new().await;
    grow(&world, 0..3).await;
    world.verified();
    let head = world.dir().ledger().join("checkpoint");
    let published = fs::read(&head).unwrap();
    files::remove(&head).unwrap();
    world.opened_again().unwrap();
    assert_eq!(fs::read(&head).unwrap(), published);
}

#[tokio::test]
async fn a_stray_tile_of_a_larger_tree_does_no_harm() {
    let world = World::new().await;
    grow(&world, 0..3).await;
    world.verified();
    for stray in ["tile/0/000.p/7", "tile/entries/000.p/7", "tile/0/000"] {
        world
            .dir()
            .write(&world.dir().ledger().join(stray), b"not a tile")
            .unwrap();
    }
    for names in [3..5, 5..8, 8..300] {
        let size = names.end + 1;
        grow(&world, names).await;
        assert_eq!(world.verified().size, u64::from(size));
    }
}

#[tokio::test]
async fn a_publisher_starts_from_the_files_where_another_has_moved_on() {
    let world = World::new().await;
    let another = world.opened_again().unwrap();
    for round in 0..6 {
        grow(&world, round * 2..round * 2 + 2).await;
        let size = if round % 2 == 0 {
            world.gateway.publish()
        } else {
            another.publish()
        };
        assert_eq!(size.unwrap(), u64::from(round) * 2 + 3);
        assert_eq!(verify(&world.dir()).size, u64::from(round) * 2 + 3);
    }
}

#[test]
fn what_a_killed_process_left_open_is_closed_as_unknown() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(async {
        let (world, _provider) = World::with_provider(Script::IsSilent).await;
        let caller = world.caller(Purpose::Serve).await;
        let mut asking = Box::pin(world.ask(&caller));
        let left = tokio::time::timeout(Duration::from_millis(300), &mut asking).await;
        assert!(left.is_err(), "a silent provider cannot have answered");
        // The process is killed: nothing of it runs any more, not even what is done when a caller leaves.
        std::mem::forget(asking);
        world
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    assert_eq!(world.gateway.store().read(tables::exchange::open).unwrap().len(), 1);

    world.opened_again().unwrap();
    let photograph = world.photograph();
    assert!(photograph.contains(r#"outcome: {"outcome":"unknown"}"#), "{photograph}");
    assert_eq!(world.kinds().last().map(String::as_str), Some("call_outcome"));
    let size = world.verified().size;
    world.opened_again().unwrap();
    assert_eq!(world.verified().size, size, "it was closed twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_publishes_until_it_is_told_to_stop() {
    let world = World::new().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let publishing = Arc::clone(&world.gateway).publish_until(
        async move {
            let _ = stopped.await;
        },
        |error| panic!("{error}"),
    );
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(publishing);
    grow(&world, 0..2).await;
    soon(async {
        while world.gateway.store().read(tables::ledger::head).unwrap().published_size < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    grow(&world, 2..4).await;
    stop.send(()).unwrap();
    soon(tasks.join_next()).await.unwrap().unwrap();
    assert_eq!(verify(&world.dir()).size, 5, "what came last was not published");
}
