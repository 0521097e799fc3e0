//! `--format json`: one JSON value on stdout; talk on stderr, each line a JSON object.

use serde_json::Value;

use crate::program::{Workplace, finished_demo};

#[test]
fn the_demo_says_where_everything_is() {
    let demo = finished_demo();
    let value = demo.json();
    assert_eq!(value["model"], "barista@1");
    assert!(value["ledger"]["entries_checked"].as_u64().unwrap() > 500, "{value}");
    assert_eq!(value["comparison"]["plan"]["subjects"][0], "barista");
    for line in demo.stderr.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(value.is_object(), "{line}");
    }
}

#[test]
fn every_command_prints_one_json_value() {
    let workplace = Workplace::with_finished_demo();
    for command in [
        &["ledger", "head"][..],
        &["ledger", "prove", "7"],
        &["ledger", "verify"],
        &["ledger", "fsck"],
        &["dataset", "list"],
        &["dataset", "show", "barista"],
        &["dataset", "verify", "barista"],
        &["model", "list"],
        &["model", "show", "barista"],
        &["model", "verify", "barista"],
        &["model", "pedigree", "barista"],
        &["provider", "list"],
        &["provider", "show", "recorded"],
        &["key", "create", "mine"],
        &["key", "list"],
        &["terms", "list"],
        &["terms", "show", "mit"],
        &["terms", "accept", "mit", "--by", "Ann"],
        &["doctor"],
        &["chat", "--message", "one Chai Latte please"],
        &["model", "retire", "barista"],
    ] {
        let ran = workplace.run(&[command, &["--format", "json"]].concat()).done();
        assert!(!ran.json().is_null(), "{command:?}");
        assert_eq!(ran.stdout.lines().count(), 1, "{command:?}");
    }
    let refused = workplace.run(&["model", "show", "nope", "--format", "json"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""));
    let error: Value = serde_json::from_str(refused.stderr.trim()).unwrap();
    assert_eq!(error["error"]["code"], "cli::not_found");
}
