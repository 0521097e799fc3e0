//! A witness watches a ledger: its line stands below the log's own, and a second history is said.

use std::{
    thread,
    time::{Duration, Instant},
};

use insta::assert_snapshot;

use crate::program::{Running, Workplace, copy_folder};

const MOST: Duration = Duration::from_secs(30);

fn serve(workplace: &Workplace) -> Running {
    let server = workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(server.says("Serving until interrupted"), "{}", server.said_so_far());
    server
}

#[test]
fn a_tree_head_names_its_witness_and_a_second_history_is_said() {
    let workplace = Workplace::with_finished_demo();
    copy_folder(&workplace.data(""), &workplace.path("before"));
    let witness = workplace.start(&[
        "witness",
        "--log",
        "data/ledger/log.vkey",
        "--listen",
        "127.0.0.1:0",
        "--dir",
        "w",
    ]);
    let url = witness.end_of("Witness: ");
    let key = witness.end_of("Key:     ");
    let config = format!("[[ledger.witnesses]]\nurl = \"{url}\"\nkey = \"{key}\"\n");
    workplace.write("cultivar.toml", &config);

    let verify = ["ledger", "verify", "--witness", "w/witness.vkey"];
    assert_snapshot!(workplace.run(&verify).failure(), @"
    error[ledger::not_cosigned]: the witness `witness.localhost` has not cosigned this tree head
    help: wait until the log was at the witness again, or ask whoever runs the witness what it saw
    exit 5
    ");
    let server = serve(&workplace);
    let started = Instant::now();
    let told = loop {
        let ran = workplace.run(&verify);
        if ran.code == Some(0) {
            break ran.stdout;
        }
        assert!(started.elapsed() < MOST, "{}", ran.failure());
        thread::sleep(Duration::from_millis(100));
    };
    assert!(told.contains("cosigned by witness.localhost on "), "{told}");
    server.interrupt();
    server.end().done();
    // What was cosigned stays so while nothing is added.
    workplace.run(&verify).done();
    workplace.run(&["ledger", "fsck"]).done();

    // The data directory as it was before, which goes on to something else.
    std::fs::remove_dir_all(workplace.data("")).unwrap();
    copy_folder(&workplace.path("before"), &workplace.data(""));
    let server = serve(&workplace);
    assert!(server.says("ledger::forked"), "{}", server.said_so_far());
    server.interrupt();
    let said = server.end().stderr;
    assert!(said.contains("knows this log with another history"), "{said}");
    witness.interrupt();
    witness.end().done();
}

#[test]
fn a_witness_watches_only_what_it_was_given() {
    let workplace = Workplace::new();
    workplace.write("log.vkey", "not a key\n");
    assert_snapshot!(workplace.run(&["witness", "--log", "log.vkey"]).failure(), @"
    error[ledger::malformed]: this is not a verifier key: name, id and key are needed
    help: write it as in this example: `example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k`
    exit 5
    ");
    assert_snapshot!(workplace.run(&["witness", "--log", "missing"]).failure(), @"
    error[store::file]: `missing` cannot be read: No such file or directory (os error 2)
    help: check that the path exists and that this user may read and write it
    exit 3
    ");
    workplace.write(
        "cultivar.toml",
        "[[ledger.witnesses]]\nurl = \"http://127.0.0.1:1\"\nkey = \"x\"\n",
    );
    assert_snapshot!(workplace.run(&["init"]).failure(), @"
    error[cli::argument]: the witness `http://127.0.0.1:1` in the configuration: this is not a key of a witness: name, id and key are needed
    help: see the command's `--help`
    exit 2
    ");
}
