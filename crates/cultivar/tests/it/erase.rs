//! What is erased is in no file any more, what is not erased is all there, and the ledger proves as before: beside a server, and
//! however often the eraser is killed.

use std::{
    fs,
    path::Path,
    process::Stdio,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cultivar_record::{Digest, ExchangeId, Salt};
use cultivar_store::{Blobs, DataDir, Sqlite, Store, tables};
use serde_json::{Value, json};

use crate::{http, program::Workplace};

/// Words that nothing else contains.
const ERASED: &str = "xylophonic-quokka";
const KEPT: &str = "barometric-axolotl";
/// Most times that the eraser is killed before it may finish.
const MOST_KILLS: u64 = 60;

/// A served workplace in which two people said something behind the same long instructions.
struct Said {
    workplace: Workplace,
    erased: String,
    kept: String,
    salts: Vec<Salt>,
    digests: Vec<Digest>,
}

impl Said {
    fn new() -> Self {
        let provider = http::ScriptedProvider::start();
        let workplace = Workplace::new();
        workplace.run(&["init"]).done();
        let server = workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
        assert!(server.says("Serving until interrupted"), "{}", server.said_so_far());
        let note: Value = serde_json::from_slice(&fs::read(workplace.data("server.json")).unwrap()).unwrap();
        let add = [
            "provider",
            "add",
            "clerk",
            "--provider-model",
            "clerk-large",
            "--terms",
            "cc-by-4_0",
        ];
        workplace
            .run(&[&add[..], &["--base-url", &provider.base_url]].concat())
            .done();
        workplace.run(&["terms", "accept", "cc-by-4_0", "--by", "Ann"]).done();
        let issued = workplace
            .run(&["key", "create", "app", "--format", "json"])
            .done()
            .json();
        let (address, key) = (note["address"].as_str().unwrap(), issued["key"].as_str().unwrap());
        let ask = |word: &str| {
            let instructions = "serve the guest well. ".repeat(100);
            let long = format!("I am \"{word}\",\nand this is my story. {}", word.repeat(80));
            let messages = json!([
                { "role": "system", "content": instructions },
                { "role": "user", "content": long },
                { "role": "user", "content": format!("one tea for {word}") },
            ]);
            let answer = http::ask(address, key, &json!({ "model": "clerk", "messages": messages })).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.request_id
        };
        let (erased, kept) = (ask(ERASED), ask(KEPT));
        server.interrupt();
        server.end().done();
        let mut said = Self {
            workplace,
            erased,
            kept,
            salts: Vec::new(),
            digests: Vec::new(),
        };
        let id: ExchangeId = said.erased.parse().unwrap();
        let store = said.store();
        let (intent, outcome) = store.read(|tx| tables::exchange::salts(tx, id)).unwrap();
        said.salts = vec![intent.unwrap(), outcome.unwrap()];
        let exchange = store.read(|tx| tables::exchange::get(tx, id)).unwrap();
        said.digests = vec![exchange.intent.request, exchange.outcome.unwrap().answer().unwrap()];
        said
    }

    fn store(&self) -> Store {
        Store::open_to_read(Arc::new(Sqlite::read_only(self.workplace.data("cultivar.db")))).unwrap()
    }

    fn erase(&self) -> [&str; 9] {
        let id = self.erased.as_str();
        [
            "exchange",
            "erase",
            id,
            "--reason",
            "person-asked",
            "--basis",
            "GDPR 17(1)(b)",
            "--by",
            "Ann",
        ][..]
            .try_into()
            .unwrap()
    }

    /// Everything by which what was said could be found again: the words, the salts, the digests.
    fn traces(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut traces = vec![("the text", ERASED.as_bytes().to_vec())];
        for salt in &self.salts {
            traces.push(("a salt", salt.as_bytes().to_vec()));
            traces.push(("a salt in hexadecimal", salt.to_string().into_bytes()));
        }
        for digest in &self.digests {
            traces.push(("a digest", digest.as_bytes().to_vec()));
            traces.push(("a digest in hexadecimal", digest.hex().into_bytes()));
        }
        traces
    }

    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        look(&self.workplace.data(""), &self.traces(), &mut found);
        found
    }

    /// Nothing of what was erased, all of what was not, and a ledger that proves every entry.
    fn is_erased(&self) {
        assert_eq!(self.found(), [""; 0]);
        let row = self
            .workplace
            .run(&["exchange", "show", &self.erased, "--format", "json"]);
        let row = row.done().json();
        assert_eq!((&row["state"], &row["conversation"]), (&json!("erased"), &Value::Null));
        let store = self.store();
        let id: ExchangeId = self.kept.parse().unwrap();
        let kept = store.read(|tx| tables::exchange::get(tx, id)).unwrap();
        let blobs = Blobs::new(&DataDir::at(self.workplace.data("")));
        let request = blobs.bytes(&kept.intent.request).unwrap();
        let answer = blobs.bytes(&kept.outcome.unwrap().answer().unwrap()).unwrap();
        for body in [&request, &answer] {
            assert!(String::from_utf8_lossy(body).contains(KEPT));
        }
        let salts = store.read(|tx| tables::exchange::salts(tx, id)).unwrap();
        assert!(salts.0.is_some() && salts.1.is_some());
        for leaf in [&row["intent_leaf"], &row["outcome_leaf"]] {
            self.workplace.run(&["ledger", "prove", &leaf.to_string()]).done();
        }
        let verified = self.workplace.run(&["ledger", "verify"]).done();
        assert!(verified.stdout.contains("1 erased"), "{}", verified.stdout);
        for command in [&["ledger", "fsck"][..], &["doctor"]] {
            self.workplace.run(command).done();
        }
    }
}

fn look(folder: &Path, traces: &[(&'static str, Vec<u8>)], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look(&path, traces, found);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for (what, trace) in traces {
            if bytes.windows(trace.len()).any(|window| window == trace.as_slice()) {
                found.push(format!("{what} in {}", path.display()));
            }
        }
    }
}

#[test]
fn beside_a_server_what_is_erased_is_in_no_file_and_what_is_kept_is_whole() {
    let said = Said::new();
    let found = said.found().join("\n");
    for what in [
        "the text in",
        "a salt in hexadecimal in",
        "a digest in",
        "a digest in hexadecimal in",
    ] {
        assert!(found.contains(what), "the search would not find {what}: {found}");
    }
    let server = said.workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(server.says("Serving until interrupted"), "{}", server.said_so_far());
    let erased = said.workplace.run(&said.erase()).done();
    assert!(erased.stdout.starts_with("erased 1 exchange(s)"), "{}", erased.stdout);
    assert_eq!(said.found(), [""; 0], "the server still runs");
    let again = said.workplace.run(&said.erase());
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    assert!(again.stderr.contains("erasure::already"), "{}", again.stderr);
    server.interrupt();
    server.end().done();
    said.is_erased();
}

#[test]
fn an_eraser_that_is_killed_claims_nothing_and_the_next_one_finishes() {
    let said = Said::new();
    let mut broken_off = 0;
    for kill in 0..MOST_KILLS {
        let mut command = said.workplace.command(&said.erase());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_millis(10 + 4 * kill);
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        let ended = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        child.wait().unwrap();
        let erasures = said.store().read(tables::erasure::list).unwrap();
        if erasures.iter().any(|(_, leaf)| leaf.is_some()) {
            assert_eq!(said.found(), [""; 0], "the ledger says that it is erased");
            break;
        }
        broken_off += usize::from(!erasures.is_empty());
        assert!(!ended, "it ended and erased nothing");
    }
    let last = said.workplace.run(&said.erase());
    assert!(
        last.code == Some(0) || last.stderr.contains("erasure::already"),
        "{} ({broken_off} broken off)",
        last.stderr
    );
    said.is_erased();
}

#[test]
fn rows_of_datasets_go_as_well_and_what_learned_from_them_is_marked() {
    let workplace = Workplace::with_finished_demo();
    let rows = fs::read_to_string(workplace.data("datasets/barista/1/train.jsonl")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |row: &Value| -> String {
        let messages = row["messages"].as_array().unwrap().iter();
        let texts = messages.map(|message| message["content"].as_str().unwrap().to_owned());
        texts.max_by_key(String::len).unwrap()
    };
    let row = rows.iter().max_by_key(|row| said(row).len()).unwrap();
    let traces = [("the text", said(row).into_bytes())];
    let search = || {
        let mut found = Vec::new();
        look(&workplace.data(""), &traces, &mut found);
        found
    };
    assert!(
        search().iter().any(|file| file.ends_with("train.jsonl")),
        "{:?}",
        search()
    );
    let evidence = ["evidence", "show", "--model", "barista", "--market", "CN"];
    assert!(!workplace.run(&evidence).done().stdout.contains("erasure_assessment"));

    let which = [
        "exchange",
        "erase",
        "--conversation",
        row["conversation"].as_str().unwrap(),
    ];
    let why = ["--reason", "person-asked", "--basis", "GDPR 17(1)(b)", "--by", "Ann"];
    workplace.run(&[&which[..], &why].concat()).done();
    assert_eq!(search(), [""; 0]);
    let listed = workplace.run(&["dataset", "list"]).done().stdout;
    assert!(listed.contains("  1 rows erased since"), "{listed}");
    let models = workplace.run(&["model", "list"]).done().stdout;
    assert!(models.contains("  learned from what erasure "), "{models}");
    let told = workplace.run(&evidence).done().stdout;
    assert!(told.contains("the evidence `erasure_assessment` is missing"), "{told}");
    for command in [&["doctor"][..], &["ledger", "verify"], &["model", "verify", "barista"]] {
        workplace.run(command).done();
    }

    // What was assessed afterwards is enough; the seal still says what the dataset once held.
    workplace.write("assessment", "one row of many");
    let set = [
        "evidence",
        "set",
        "erasure_assessment=assessment",
        "--by",
        "Ruth Example",
    ];
    let set = workplace.run(&[&set[..], &evidence[2..]].concat()).done().stdout;
    assert!(!set.contains("is missing"), "{set}");
    let shown = workplace
        .run(&["dataset", "show", "barista", "--format", "json"])
        .done()
        .json();
    assert_eq!(shown["marked"]["seal"], shown["digest"]);
}

#[test]
fn an_erasure_that_names_nothing_known_is_refused() {
    let workplace = Workplace::new();
    workplace.run(&["init"]).done();
    let why = ["--reason", "ordered", "--basis", "order 1", "--by", "Ann"];
    let unknown = "0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811";
    for (which, code) in [
        (&["--conversation", unknown][..], "erasure::nothing"),
        (&["--org", "my-organisation"], "erasure::nothing"),
        (&[unknown], "store::not_found"),
    ] {
        let refused = workplace.run(&[&["exchange", "erase"], which, &why].concat());
        assert_eq!(refused.code, Some(3), "{}", refused.stderr);
        assert!(refused.stderr.contains(code), "{}", refused.stderr);
    }
    let twice = [&["exchange", "erase", unknown, "--org", "shop"], &why[..]].concat();
    assert_eq!(workplace.run(&twice).code, Some(2));
}
