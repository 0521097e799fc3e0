//! People sign with the real program beside a running server: what opens a market, what closes it, and what is refused.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cultivar_record::Timestamp;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    http,
    program::{Ran, Running, Workplace},
};

/// From the end of the command to the refusal.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The organisation of the demo with four people, two of whom may sign together, and a server.
struct Shop {
    workplace: Workplace,
    server: Running,
    address: String,
    key: String,
}

impl Shop {
    fn open() -> Self {
        let workplace = Workplace::with_finished_demo();
        let server = workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
        let api = server.end_of("Model API: ");
        assert!(server.says("Serving until interrupted"), "{}", server.said_so_far());
        let people = [
            ("Ruth", "owner"),
            ("Lee", "legal"),
            ("Sam", "safety"),
            ("Aud", "auditor"),
        ];
        for (name, role) in people {
            workplace
                .run(&["member", "add", name, "--org", "demo-cafe", "--role", role])
                .done();
            let file = format!("{name}.pem");
            workplace
                .run(&["member", "key", name, "--org", "demo-cafe", "--out", &file])
                .done();
        }
        let issued = workplace.run(&["key", "create", "cn", "--market", "CN", "--format", "json"]);
        let key = issued.done().json()["key"].as_str().unwrap().to_owned();
        Self {
            workplace,
            server,
            address: api.trim_end_matches("/v1").to_owned(),
            key,
        }
    }

    /// Hands in everything that China asks for, with this many refusals of a thousand.
    fn evidence(&self, refusals: u32) -> Ran {
        let mut items = Vec::new();
        for key in ["filing", "security_assessment", "keywords", "labelling"] {
            self.workplace.write(key, key);
            items.push(format!("{key}={key}"));
        }
        let counted = [
            ("corpus_sample", 4_000, 3_900),
            ("generated_content", 1_000, 950),
            ("must_refuse", 1_000, refusals),
            ("must_not_refuse", 1_000, 50),
        ];
        for (key, asked, counted) in counted {
            self.workplace
                .write(key, &json!({ "asked": asked, "counted": counted }).to_string());
            items.push(format!("{key}={key}"));
        }
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let which = ["--model", "barista", "--market", "CN", "--by", "Ruth"];
        self.run(&[&["evidence", "set"], &items[..], &which].concat())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.workplace.run(arguments)
    }

    /// Drafts a statement into a file.
    fn request(&self, file: &str, more: &[&str]) -> Value {
        let request = [
            "approval",
            "request",
            "barista",
            "--market",
            "CN",
            "--by",
            "Ruth",
            "--fulfils",
            "attribution",
            "--fulfils",
            "flow_down",
        ];
        let statement = self.run(&[&request[..], more].concat()).done();
        self.workplace.write(file, &statement.stdout);
        statement.json()
    }

    fn sign(&self, file: &str, name: &str) -> Ran {
        let key = format!("{name}.pem");
        self.run(&["approval", "sign", file, "--key", &key])
    }

    /// Drafts a grant of OpenAI's terms.
    fn draft(&self, expires: &str, party: &str) -> Ran {
        let terms = "openai-services-2026-01-01";
        self.run(
            &[
                &[
                    "grant",
                    "draft",
                    "--party",
                    party,
                    "--clause",
                    "4.2",
                    "--document",
                    "contract.txt",
                ][..],
                &[
                    "--waives",
                    "train_competing",
                    "--terms",
                    terms,
                    "--model",
                    "example-closed",
                ],
                &[
                    "--purpose",
                    "train",
                    "--market",
                    "US",
                    "--by",
                    "Ruth",
                    "--expires",
                    expires,
                ],
            ]
            .concat(),
        )
    }

    /// The status of a question from China.
    fn asked(&self) -> u16 {
        let question =
            json!({ "model": "barista", "max_tokens": 4, "messages": [{ "role": "user", "content": "one tea" }] });
        http::ask(&self.address, &self.key, &question).unwrap().status
    }

    fn close(self) {
        self.server.interrupt();
        self.server.end().done();
        for command in [&["doctor"][..], &["ledger", "fsck"]] {
            self.workplace.run(command).done();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the program under test reads the same clock")]
fn soon(after: Duration) -> Timestamp {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + after;
    Timestamp::from_micros(i64::try_from(at.as_micros()).unwrap())
}

#[test]
fn signatures_open_a_market_and_a_withdrawal_closes_it_within_a_second() {
    let shop = Shop::open();
    shop.evidence(950).done();
    assert_eq!(shop.asked(), 403, "nobody has signed");
    let id = shop.request("statement.json", &[])["id"].as_str().unwrap().to_owned();
    shop.sign("statement.json", "Lee").done();
    assert_eq!(shop.asked(), 403, "one of two");
    shop.sign(&id, "Sam").done();
    assert_eq!(shop.asked(), 200);

    shop.run(&["approval", "revoke", &id, "--by", "Ruth"]).done();
    let withdrawn = Instant::now();
    assert_eq!(shop.asked(), 403);
    assert!(withdrawn.elapsed() < AT_ONCE, "{:?}", withdrawn.elapsed());

    // One that expires, and one whose signer leaves.
    let until = soon(Duration::from_secs(8));
    shop.request("short.json", &["--expires", &until.to_string()]);
    shop.sign("short.json", "Lee").done();
    shop.sign("short.json", "Sam").done();
    assert_eq!(shop.asked(), 200);
    while soon(Duration::ZERO) < until {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(shop.asked(), 403, "its time is over");
    let again = [
        "approval",
        "grant",
        "barista",
        "--market",
        "CN",
        "--by",
        "Ruth",
        "--fulfils",
        "attribution",
        "--fulfils",
        "flow_down",
        "--key",
        "Lee.pem",
        "--key",
        "Sam.pem",
    ];
    shop.run(&again).done();
    assert_eq!(shop.asked(), 200);
    shop.run(&["member", "remove", "Sam", "--org", "demo-cafe"]).done();
    assert_eq!(shop.asked(), 403, "who signed it has left");
    // Who comes back has signed nothing.
    shop.run(&["member", "add", "Sam", "--org", "demo-cafe", "--role", "safety"])
        .done();
    assert_eq!(shop.asked(), 403);
    let listed = shop.run(&["approval", "list"]).done().stdout;
    assert_eq!(
        (listed.matches(": void").count(), listed.matches(": waiting").count()),
        (3, 1),
        "{listed}"
    );
    shop.close();
}

#[test]
fn every_signature_that_does_not_count_says_why() {
    let shop = Shop::open();
    let mut told = String::new();
    let mut tell = |what: &str, ran: &Ran| {
        let _ = write!(told, "# {what}\n{}\n\n", ran.failure());
    };
    let request = ["approval", "request", "barista", "--market", "EU", "--by", "Ruth"];
    shop.workplace.write("eu.json", &shop.run(&request).done().stdout);
    tell("evidence is missing", &shop.sign("eu.json", "Lee"));
    shop.request("statement.json", &[]);
    shop.evidence(949).done();
    tell("the evidence is another one", &shop.sign("statement.json", "Lee"));
    shop.request("statement.json", &[]);
    tell("94.9 % is not 95 %", &shop.sign("statement.json", "Lee"));
    shop.evidence(950).done();
    let owes = [
        "approval", "grant", "barista", "--market", "CN", "--by", "Ruth", "--key", "Lee.pem", "--key", "Sam.pem",
    ];
    tell("nobody says that attribution is given", &shop.run(&owes));
    let statement = shop.request("statement.json", &[]);
    tell("who asked", &shop.sign("statement.json", "Ruth"));
    tell("an auditor", &shop.sign("statement.json", "Aud"));
    shop.sign("statement.json", "Lee").done();
    tell("replayed", &shop.sign("statement.json", "Lee"));
    let mut altered = statement.clone();
    altered["market"] = json!("US");
    shop.workplace.write("altered.json", &altered.to_string());
    tell("another statement under the id", &shop.sign("altered.json", "Sam"));
    let new_key = ["member", "key", "Sam", "--org", "demo-cafe", "--out", "Sam-2.pem"];
    shop.run(&new_key).done();
    tell("a key that was replaced", &shop.sign("statement.json", "Sam"));
    shop.run(&["member", "remove", "Sam", "--org", "demo-cafe"]).done();
    tell("who left", &shop.sign("statement.json", "Sam-2"));
    let id = statement["id"].as_str().unwrap();
    shop.run(&["approval", "revoke", id, "--by", "Ruth"]).done();
    tell("withdrawn", &shop.sign("statement.json", "Sam-2"));
    tell(
        "in the past",
        &shop.run(&[
            "approval",
            "request",
            "barista",
            "--market",
            "CN",
            "--by",
            "Ruth",
            "--expires",
            "2026-01-01T00:00:00Z",
        ]),
    );
    tell(
        "a provider's model",
        &shop.run(&[
            "approval",
            "request",
            "example-closed",
            "--market",
            "CN",
            "--by",
            "Ruth",
        ]),
    );
    assert_eq!(shop.asked(), 403, "none of it opened anything");
    shop.close();
    assert_snapshot!(told.trim_end());
}

#[test]
fn a_key_is_one_persons_and_its_file_is_read_by_nobody_else() {
    let shop = Shop::open();
    let mut told = String::new();
    let mut tell = |what: &str, ran: &Ran| {
        let _ = write!(told, "# {what}\n{}\n\n", ran.failure());
    };
    let new_key = ["member", "key", "Sam", "--org", "demo-cafe", "--out", "Sam.pem"];
    shop.workplace.write("statement.json", "{}");
    let id = "0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811";
    tell(
        "a file that is no key",
        &shop.run(&["approval", "sign", id, "--key", "statement.json"]),
    );
    tell("a key is never written over", &shop.run(&new_key));
    let public = shop
        .run(&["member", "list", "--org", "demo-cafe", "--format", "json"])
        .done()
        .json();
    let lees = public[1]["keys"][0]["public"].as_str().unwrap().to_owned();
    tell(
        "somebody else's key",
        &shop.run(&["member", "key", "Ruth", "--org", "demo-cafe", "--public", &lees]),
    );
    let mode = fs::metadata(shop.workplace.path("Lee.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    shop.close();
    assert_snapshot!(told.trim_end());
}

#[test]
fn a_grant_lifts_what_the_terms_forbid_until_it_ends() {
    let shop = Shop::open();
    shop.workplace.write("contract.txt", "section 4.2: outputs may train");
    let draft = |expires: &str, party: &str| shop.draft(expires, party);
    let in_force = |id: &str| shop.run(&["grant", "show", id, "--format", "json"]).done().json()["state"].clone();
    let sign = |file: &str, name: &str| {
        let key = format!("{name}.pem");
        shop.run(&["grant", "sign", file, "--key", &key])
    };
    let mut told = String::new();
    let mut tell = |what: &str, ran: &Ran| {
        let _ = write!(told, "# {what}\n{}\n\n", ran.failure());
    };
    tell("in the past", &draft("2026-01-01T00:00:00Z", "OpenAI"));
    tell("another party", &draft("2036-01-01T00:00:00Z", "Anthropic"));
    let until = soon(Duration::from_secs(6));
    let statement = draft(&until.to_string(), "OpenAI").done();
    shop.workplace.write("grant.json", &statement.stdout);
    let id = statement.json()["id"].as_str().unwrap().to_owned();
    sign("grant.json", "Lee").done();
    assert_eq!(in_force(&id), "waiting");
    tell("replayed", &sign("grant.json", "Lee"));
    let mut wider = statement.json();
    wider["markets"] = json!(["US", "CN"]);
    shop.workplace.write("wider.json", &wider.to_string());
    tell("another statement under the id", &sign("wider.json", "Sam"));
    // Who drafted it may vouch for it: two who sign are four eyes.
    sign(&id, "Ruth").done();
    assert_eq!(in_force(&id), "in force");
    while soon(Duration::ZERO) < until {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(in_force(&id), "void");
    tell("expired", &sign(&id, "Sam"));
    let statement = draft("2036-01-01T00:00:00Z", "OpenAI").done();
    shop.workplace.write("long.json", &statement.stdout);
    let id = statement.json()["id"].as_str().unwrap().to_owned();
    sign("long.json", "Lee").done();
    shop.run(&["member", "remove", "Lee", "--org", "demo-cafe"]).done();
    tell("who left", &sign(&id, "Lee"));
    sign(&id, "Sam").done();
    assert_eq!(in_force(&id), "waiting", "one of the two has left");
    shop.run(&["grant", "revoke", &id, "--by", "Ruth"]).done();
    tell("revoked", &sign(&id, "Ruth"));
    shop.close();
    assert_snapshot!(told.trim_end());
}
