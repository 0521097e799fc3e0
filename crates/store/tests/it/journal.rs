//! The journal: what was appended is there after any death of the process, in order and once, and too much is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use cultivar_record::{Digest, ExchangeId, ExchangeOutcome};
use cultivar_store::{
    Blobs, Bounds, DataDir, Frame, IntentFrame, Journal, OutcomeFrame, Packs, Sqlite, Store, StoreError, files, tables,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{conformance::told, samples::Samples};

/// A data directory with a journal.
struct Place {
    _folder: TempDir,
    dir: DataDir,
    store: Arc<Store>,
    packs: Arc<Packs>,
    samples: Samples,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::create(folder.path()).unwrap();
        let store = Store::open(Arc::new(Sqlite::new(dir.database()))).unwrap();
        let samples = Samples::new();
        let organization = samples.organization.clone();
        store
            .write_blocking(move |tx| tables::organization::insert(tx, &organization))
            .unwrap();
        Self {
            store: Arc::new(store),
            packs: Arc::new(Packs::new(&dir)),
            _folder: folder,
            dir,
            samples,
        }
    }

    fn journal(&self) -> Journal {
        self.within(Bounds::default())
    }

    fn within(&self, bounds: Bounds) -> Journal {
        Journal::open_within(Arc::clone(&self.store), &self.dir, Arc::clone(&self.packs), bounds).unwrap()
    }

    /// The files of the journal, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let names = files::names_in(&self.dir.journal()).unwrap();
        names.iter().map(|name| self.dir.journal().join(name)).collect()
    }

    fn size(&self) -> u64 {
        let files = self.files();
        files
            .iter()
            .filter_map(|file| Some(fs::metadata(file).ok()?.len()))
            .sum()
    }

    /// Nothing that is settled stays for longer than a moment.
    fn until_wiped(&self) {
        let mut patience = 500;
        while self.size() > 0 {
            assert!(patience > 0, "settled frames stay: {:?}", self.files());
            patience -= 1;
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn exchanges(&self) -> Vec<(ExchangeId, bool)> {
        let all = self
            .store
            .read(|tx| tables::exchange::page(tx, None, u32::MAX))
            .unwrap();
        all.iter()
            .map(|exchange| (exchange.intent.id, exchange.outcome.is_some()))
            .collect()
    }

    fn body(&self, digest: &Digest) -> Vec<u8> {
        Blobs::with_packs(&self.dir, Arc::new(Packs::new(&self.dir)))
            .bytes(digest)
            .unwrap()
    }

    /// Lets nothing be settled until the sender is dropped.
    fn hold(&self) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel::<()>();
        let (began, begins) = mpsc::channel();
        let store = Arc::clone(&self.store);
        thread::spawn(move || {
            store.write_blocking(move |_| {
                began.send(()).unwrap();
                let _ = released.recv();
                Ok(())
            })
        });
        begins.recv().unwrap();
        release
    }
}

fn intent(samples: &Samples, body: Option<&[u8]>) -> IntentFrame {
    let mut intent = samples.intent("p");
    if let Some(body) = body {
        intent.request = Digest::of_bytes(body);
    }
    IntentFrame {
        body: body.map(Bytes::copy_from_slice),
        ..samples.intent_frame(intent, samples.salt(), Some("key"))
    }
}

fn outcome(samples: &Samples, of: &IntentFrame, body: Option<&[u8]>) -> OutcomeFrame {
    let mut outcome = samples.answered(5, 3, 34);
    if let (Some(body), ExchangeOutcome::Answered { answer, .. }) = (body, &mut outcome) {
        *answer = Digest::of_bytes(body);
    }
    OutcomeFrame {
        body: body.map(Bytes::copy_from_slice),
        ..samples.outcome_frame(&of.intent, outcome)
    }
}

fn append_intent(journal: &Journal, samples: &Samples) -> Result<u64, StoreError> {
    journal.append(Frame::Intent(Box::new(intent(samples, Some(b"{}")))))
}

fn replace(path: &Path, bytes: &[u8]) {
    files::remove(path).unwrap();
    files::write_atomic(path.parent().unwrap(), path, bytes).unwrap();
}

/// Where each frame of a journal's file ends, by the lengths that it states itself.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..at + 4) {
        at += 8 + usize::try_from(u32::from_le_bytes(length.try_into().unwrap())).unwrap();
        ends.push(at);
    }
    assert_eq!(at, bytes.len());
    ends
}

fn body() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "\\{\"messages\":\\[\\{\"content\":\"[a-z]{1100,1300}\"\\}\\]\\}".prop_map(String::into_bytes),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn a_journal_that_is_cut_anywhere_gives_back_exactly_its_whole_frames(
        calls in prop::collection::vec((body(), prop::option::of(body())), 1..8),
        cut in any::<prop::sample::Index>(),
        damage: bool,
    ) {
        let origin = Place::new();
        let journal = origin.journal();
        let release = origin.hold();
        let mut frames: Vec<Frame> = Vec::new();
        for (request, end) in &calls {
            let intent = intent(&origin.samples, request.as_deref());
            let end = end.as_ref().map(|answer| outcome(&origin.samples, &intent, answer.as_deref()));
            frames.push(Frame::Intent(Box::new(intent)));
            frames.extend(end.map(|end| Frame::Outcome(Box::new(end))));
        }
        for (number, frame) in (1..).zip(&frames) {
            assert_eq!(journal.append(frame.clone()).unwrap(), number);
        }
        let mut bytes = files::read(&origin.files()[0]).unwrap();
        drop(release);
        drop(journal);
        let ends = ends(&bytes);
        prop_assert_eq!(ends.len(), frames.len());

        let cut = cut.index(bytes.len() + 1);
        if damage && cut < bytes.len() {
            bytes[cut] ^= 0x10;
        } else {
            bytes.truncate(cut);
        }
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let survivor = Place::new();
        replace(&survivor.dir.journal().join("00000000000000000001.log"), &bytes);
        let journal = survivor.journal();
        let mut expected: Vec<(ExchangeId, bool)> = Vec::new();
        for frame in &frames[..whole] {
            match frame {
                Frame::Intent(frame) => expected.push((frame.intent.id, false)),
                Frame::Outcome(frame) => {
                    let open = expected.iter_mut().find(|(id, _)| *id == frame.exchange);
                    open.unwrap().1 = true;
                }
            }
        }
        prop_assert_eq!(survivor.exchanges(), expected.clone());
        for frame in &frames[..whole] {
            let (digest, body) = match frame {
                Frame::Intent(frame) => (Some(frame.intent.request), &frame.body),
                Frame::Outcome(frame) => (frame.outcome.answer(), &frame.body),
            };
            if let (Some(digest), Some(body)) = (digest, body) {
                prop_assert_eq!(survivor.body(&digest), body.to_vec());
            }
        }
        // The next frame follows the last whole one.
        let next = append_intent(&journal, &origin.samples).unwrap();
        prop_assert_eq!(usize::try_from(next).unwrap(), whole + 1);
        drop(journal);
        prop_assert_eq!(survivor.exchanges().len(), expected.len() + 1);
        drop(survivor.journal());
        prop_assert_eq!(survivor.exchanges().len(), expected.len() + 1);
    }
}

#[test]
fn too_much_that_waits_is_refused_and_goes_on_once_it_is_settled() {
    let place = Place::new();
    let few = Bounds {
        frames: 10,
        ..Bounds::default()
    };
    let journal = place.within(few);
    let release = place.hold();
    let mut appended = 0;
    let refused = loop {
        match append_intent(&journal, &place.samples) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
        assert!(appended <= 10, "nothing is refused");
    };
    assert!(told::<()>(Err(refused)).starts_with("ledger_backpressure: "));
    assert_eq!((appended, journal.waiting()), (10, 10));
    assert_eq!(place.exchanges().len(), 0);
    drop(release);
    journal.settle();
    assert_eq!((place.exchanges().len(), journal.waiting()), (10, 0));
    append_intent(&journal, &place.samples).unwrap();
    journal.settle();
    assert_eq!(place.exchanges().len(), 11);

    let small = Bounds {
        bytes: 4_000,
        ..Bounds::default()
    };
    drop(journal);
    let journal = place.within(small);
    let release = place.hold();
    let refused = (0..100).find_map(|_| append_intent(&journal, &place.samples).err());
    assert!(told::<()>(Err(refused.unwrap())).starts_with("ledger_backpressure: "));
    assert!(journal.waiting() < 10);
    drop(release);
}

#[test]
fn a_load_that_never_pauses_does_not_let_the_files_grow() {
    let place = Place::new();
    let journal = place.within(Bounds {
        file: 32 << 10,
        ..Bounds::default()
    });
    let (mut appended, mut written, mut largest, mut most_waiting) = (0, 0, 0, 0);
    while appended < 3_000 {
        // Some frames come while others are settled, so nothing is ever settled to the last frame.
        thread::sleep(Duration::from_micros(50));
        let frame = intent(&place.samples, Some(b"{}"));
        written += u64::try_from(frame.text.len() + frame.entry.len()).unwrap();
        journal.append(Frame::Intent(Box::new(frame))).unwrap();
        appended += 1;
        if appended % 50 == 0 {
            most_waiting = most_waiting.max(u64::try_from(journal.backlog().bytes).unwrap());
            largest = largest.max(place.size());
        }
    }
    // What waits grows where the disk is slow; a file holds what waits, what came with it before, and what came meanwhile.
    let may_be = 4 * most_waiting + 8 * (32 << 10);
    assert!(
        largest < may_be,
        "{largest} bytes of {written} lay there at a time, of which {most_waiting} waited"
    );
    journal.settle();
    place.until_wiped();
    drop(journal);
    assert_eq!(place.exchanges().len(), appended);
    drop(place.journal());
    assert_eq!(place.exchanges().len(), appended, "nothing comes twice");
}

#[test]
fn several_files_of_a_killed_process_are_settled_in_order_and_removed() {
    let origin = Place::new();
    let journal = origin.journal();
    let release = origin.hold();
    let first = intent(&origin.samples, Some(b"one"));
    journal.append(Frame::Intent(Box::new(first.clone()))).unwrap();
    let end = outcome(&origin.samples, &first, Some(b"two"));
    journal.append(Frame::Outcome(Box::new(end))).unwrap();
    append_intent(&journal, &origin.samples).unwrap();
    let bytes = files::read(&origin.files()[0]).unwrap();
    drop(release);
    drop(journal);
    let ends = ends(&bytes);

    let survivor = Place::new();
    let folder = survivor.dir.journal();
    replace(&folder.join("00000000000000000001.log"), &bytes[..ends[0]]);
    replace(&folder.join("00000000000000000002.log"), &bytes[ends[0]..ends[1]]);
    replace(&folder.join("00000000000000000003.log"), &bytes[ends[1]..]);
    let journal = survivor.journal();
    let expected = survivor.exchanges();
    assert_eq!(expected.len(), 2);
    assert_eq!(expected[0], (first.intent.id, true));
    assert_eq!(survivor.files(), [folder.join("00000000000000000004.log")]);
    assert_eq!(survivor.body(&Digest::of_bytes(b"two")), b"two");
    drop(journal);
}

#[tokio::test]
async fn frames_that_are_staged_together_share_a_write_and_a_dropped_one_is_written_too() {
    let place = Place::new();
    let journal = place.journal();
    let release = place.hold();
    let stage = || {
        let frame = intent(&place.samples, None);
        journal.stage(Frame::Intent(Box::new(frame))).unwrap()
    };
    let (first, second, third) = (stage(), stage(), stage());
    assert_eq!((place.size(), journal.waiting()), (0, 3), "nothing is written yet");
    assert_eq!(second.written().await.unwrap(), 2);
    let written = place.size();
    assert!(written > 0);
    assert_eq!(first.written().await.unwrap(), 1);
    assert_eq!(third.now().unwrap(), 3);
    assert_eq!(place.size(), written, "one write carried them all");
    drop(stage());
    assert!(place.size() > written);
    drop(release);
    drop(journal);
    assert_eq!(place.exchanges().len(), 4);
}
