//! `kill -9` at any moment, then the same command: it goes on, the ledger verifies, and nobody who was answered is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use cultivar_gateway::LedgerFiles;
use cultivar_ledger::{PublishedLog, verify_log};
use cultivar_record::{
    Commitment, Digest, EntryKind, Exchange, ExchangeId, ExchangeOutcome, LeafIndex, LedgerEntry, Salt,
};
use cultivar_store::{Sqlite, Store, tables};
use serde_json::{Value, json};

use crate::{
    http,
    program::{Running, SMALL_DEMO, Workplace},
};

const SEED: u64 = 2_024;
/// After which heading to kill, at most how many milliseconds later, how often.
const PLAN: [(&str, u64, usize); 14] = [
    ("1. set up", 200, 2),
    ("2. register", 30, 1),
    ("3. collect", 20, 2),
    ("3. collect", 250, 4),
    ("4. admit", 5, 1),
    ("5. curate", 40, 2),
    ("6. train", 3_000, 3),
    ("7. publish", 1, 1),
    ("7. publish", 30, 2),
    ("8. compare", 50, 2),
    ("8. compare", 600, 3),
    ("9. grant", 20, 1),
    ("10. approve", 20, 1),
    ("11. verify", 40, 1),
];

#[test]
fn nothing_that_was_answered_is_lost_by_kills_at_any_moment() {
    let workplace = Workplace::new();
    workplace.run(&["init", "--name", "demo-cafe"]).done();
    let key = workplace
        .run(&["key", "create", "client", "--format", "json"])
        .done()
        .json();
    let client = Client::start(&workplace, key["key"].as_str().unwrap());
    let demo = [&SMALL_DEMO[..], &["--train-seconds", "4"]].concat();

    let mut moments = Moments(SEED);
    let mut published = Published::default();
    let mut killed_in: BTreeMap<String, usize> = BTreeMap::new();
    for (heading, most_ms, times) in PLAN {
        for _ in 0..times {
            let mut running = workplace.start(&demo);
            assert!(running.says(heading), "{:?}", running.end());
            thread::sleep(moments.below(most_ms));
            if running.kill() {
                *killed_in.entry(stage(&running)).or_default() += 1;
                drop(running);
            } else {
                running.end().done();
            }
            published.still_verifies(&workplace);
        }
    }
    workplace.run(&demo).done();
    let heard = client.stop();

    eprintln!("killed in {killed_in:?}; {} answers heard", heard.len());
    assert!(killed_in.values().sum::<usize>() >= 20);
    for stage in ["collect", "train", "publish", "compare"] {
        assert!(killed_in.contains_key(stage), "never killed in {stage}: {killed_in:?}");
    }
    for command in [&["ledger", "verify"][..], &["ledger", "fsck"], &["doctor"]] {
        workplace.run(command).done();
    }
    published.still_verifies(&workplace);
    let history = History::read(&workplace);
    history.is_consistent();
    assert!(heard.len() >= 20, "the client heard only {} answers", heard.len());
    for exchange in heard {
        history.has_answered(exchange);
    }
}

/// The word of the last heading.
fn stage(running: &Running) -> String {
    let said = running.said_so_far();
    let mut headings = said.lines().filter(|line| line.as_bytes().get(1..3) == Some(b". "));
    let words = headings.next_back().unwrap_or("0. start:");
    let word = words[3..].split([':', ' ']).next();
    word.unwrap_or_default().to_owned()
}

/// Pseudo-random moments. Source: Steele, Lea and Flood (2014), `SplitMix64`.
struct Moments(u64);

impl Moments {
    fn below(&mut self, most_ms: u64) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis((mixed ^ (mixed >> 31)) % most_ms)
    }
}

/// Asks whatever server there is, again and again, and remembers the exchanges of which the answer arrived whole.
struct Client {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<ExchangeId>>,
}

impl Client {
    fn start(workplace: &Workplace, key: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, note, key) = (Arc::clone(&stop), workplace.data("server.json"), key.to_owned());
        let thread = thread::spawn(move || {
            let mut heard = Vec::new();
            let kinds = [
                ("recorded", false),
                ("example-closed", false),
                ("recorded", true),
                ("example-closed", true),
            ];
            for (model, stream) in kinds.into_iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                heard.extend(ask(&note, &key, model, stream));
                thread::sleep(Duration::from_millis(10));
            }
            heard
        });
        Self { stop, thread }
    }

    fn stop(self) -> Vec<ExchangeId> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn ask(note: &PathBuf, key: &str, model: &str, stream: bool) -> Option<ExchangeId> {
    let note: Value = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    let messages = json!([{ "role": "user", "content": "one Chai Latte please" }]);
    let request = json!({ "model": model, "messages": messages, "stream": stream });
    let answer = http::ask(note["address"].as_str()?, key, &request).ok()?;
    let is_whole = !stream || (answer.body.ends_with("data: [DONE]\n\n") && !answer.body.contains("\"error\""));
    (answer.status == 200 && is_whole).then(|| answer.request_id.parse().unwrap())
}

/// The ledger as its files alone tell it, and what it told before.
#[derive(Default)]
pub(crate) struct Published {
    before: Option<(u64, Digest)>,
}

impl Published {
    pub(crate) fn still_verifies(&mut self, workplace: &Workplace) {
        let files = LedgerFiles::new(workplace.data("ledger"));
        let Some(note) = files.tree_head().unwrap() else {
            assert_eq!(self.before, None, "the tree head is gone");
            return;
        };
        let key = files.verifier_key().unwrap().unwrap().parse().unwrap();
        let report = verify_log(&note, &key, &files).unwrap();
        if let Some((size, root)) = self.before {
            let then = PublishedLog::new(report.size, &files).root_at(size).unwrap();
            assert_eq!(then, root, "the ledger forgot what it had published at size {size}");
        }
        self.before = Some((report.size, report.root));
    }
}

/// What database and ledger say happened.
pub(crate) struct History {
    pub(crate) exchanges: BTreeMap<ExchangeId, (Exchange, Option<Salt>, Option<Salt>)>,
    entries: Vec<LedgerEntry>,
}

impl History {
    pub(crate) fn read(workplace: &Workplace) -> Self {
        let store = Store::open_to_read(Arc::new(Sqlite::read_only(workplace.data("cultivar.db")))).unwrap();
        let all = store.read(|tx| tables::exchange::page(tx, None, u32::MAX)).unwrap();
        let with_salts = all.into_iter().map(|exchange| {
            let id = exchange.intent.id;
            let (intent, outcome) = store.read(|tx| tables::exchange::salts(tx, id)).unwrap();
            (id, (exchange, intent, outcome))
        });
        let files = LedgerFiles::new(workplace.data("ledger"));
        let key = files.verifier_key().unwrap().unwrap().parse().unwrap();
        let note = files.tree_head().unwrap().unwrap();
        let size = verify_log(&note, &key, &files).unwrap().size;
        let log = PublishedLog::new(size, &files);
        let entry = |index| serde_json::from_slice(&log.entry(LeafIndex(index)).unwrap()).unwrap();
        Self {
            exchanges: with_salts.collect(),
            entries: (0..size).map(entry).collect(),
        }
    }

    fn entry(&self, leaf: Option<LeafIndex>) -> &LedgerEntry {
        &self.entries[usize::try_from(leaf.unwrap().0).unwrap()]
    }

    /// Every exchange has an outcome; every exchange has exactly its two entries, and they commit to what the database holds.
    pub(crate) fn is_consistent(&self) {
        let mut named = BTreeSet::new();
        for (exchange, intent_salt, outcome_salt) in self.exchanges.values() {
            let id = exchange.intent.id;
            let outcome = exchange
                .outcome
                .as_ref()
                .unwrap_or_else(|| panic!("exchange {id} is open"));
            let payload = json!({ "exchange": id, "outcome": outcome, "ended_at": exchange.ended_at });
            let pairs = [
                (
                    EntryKind::CallIntent,
                    Some(exchange.intent_leaf),
                    intent_salt,
                    json!(exchange.intent),
                ),
                (EntryKind::CallOutcome, exchange.outcome_leaf, outcome_salt, payload),
            ];
            for (kind, leaf, salt, payload) in pairs {
                let entry = self.entry(leaf);
                assert_eq!((entry.kind, &entry.subject), (kind, &id.to_string()));
                assert_eq!(entry.commitment, Commitment::to(salt.unwrap(), &payload).unwrap());
                named.insert(leaf.unwrap());
            }
        }
        let is_call = |entry: &&LedgerEntry| matches!(entry.kind, EntryKind::CallIntent | EntryKind::CallOutcome);
        assert_eq!(self.entries.iter().filter(is_call).count(), named.len());
    }

    pub(crate) fn has_answered(&self, id: ExchangeId) {
        let (exchange, ..) = self
            .exchanges
            .get(&id)
            .unwrap_or_else(|| panic!("exchange {id} was forgotten"));
        let is_answered = matches!(exchange.outcome, Some(ExchangeOutcome::Answered { .. }));
        assert!(is_answered, "exchange {id} was answered, but is {:?}", exchange.outcome);
    }
}
