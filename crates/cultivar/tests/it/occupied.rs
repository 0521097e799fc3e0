//! While one process has a data directory, others may look and verify, but not write.

use std::{fs, net::TcpListener};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    http,
    program::{SMALL_DEMO, Workplace},
};

#[test]
fn a_port_in_use_is_said() {
    let workplace = Workplace::with_finished_demo();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_snapshot!(workplace.run(&["serve", "--listen", &address]).failure(), @"
    error[serve::address]: cannot listen on `127.0.0.1:[port]`: Address already in use (os error 98)
    help: stop the program that uses the port, or choose another: `--listen 127.0.0.1:0` takes any free one
    exit 3
    ");
}

#[test]
fn beside_a_server_others_look_talk_and_administer_but_do_not_write() {
    let workplace = Workplace::with_finished_demo();
    let server = workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(server.says("Serving until interrupted"), "{}", server.said_so_far());
    crate::program::write(&workplace.data("tmp/under-way"), b"half");

    // What administers goes through the server.
    workplace.run(&["key", "create", "theirs"]).done();
    let refused = workplace.run(&["model", "retire", "barista"]).failure();
    let refused = refused.replace(&server.pid().to_string(), "[pid]");
    assert_snapshot!(refused, @"
    error[store::locked]: the data directory `data` is in use by process [pid]
    help: stop that process, or give this one another directory with `--data-dir`
    exit 3
    ");
    let failure = workplace.run(&SMALL_DEMO).failure();
    assert_eq!(failure.replace(&server.pid().to_string(), "[pid]"), refused);
    assert!(
        workplace.data("tmp/under-way").exists(),
        "a file under way was taken from its writer"
    );

    for command in [
        &["ledger", "verify"][..],
        &["ledger", "fsck"],
        &["dataset", "list"],
        &["model", "list"],
        &["key", "list"],
        &["provider", "list"],
        &["doctor"],
    ] {
        workplace.run(command).done();
    }
    let talk = workplace.run(&[
        "chat",
        "--model",
        "example-closed",
        "--message",
        "one Chai Latte please",
    ]);
    assert!(talk.done().stdout.contains("order"));
    assert_snapshot!(workplace.run(&["chat", "--model", "nope", "--message", "hi"]).failure(), @"
    error[model_not_found]: the model `nope` does not exist
    help: list the models with `GET /v1/models` or `cultivar provider list`
    exit 3
    ");

    let note: Value = serde_json::from_slice(&fs::read(workplace.data("server.json")).unwrap()).unwrap();
    let keys: Value = serde_json::from_slice(&fs::read(workplace.data("secrets/own-keys.json")).unwrap()).unwrap();
    let request = json!({ "model": "nope", "messages": [{ "role": "user", "content": "hi" }] });
    let address = note["address"].as_str().unwrap();
    let answer = http::ask(address, keys["serve"].as_str().unwrap(), &request).unwrap();
    assert_snapshot!(format!("{} {}", answer.status, answer.body), @r#"404 {"error":{"message":"the model `nope` does not exist; list the models with `GET /v1/models` or `cultivar provider list`","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#);
    let answer = http::ask(address, "sk-wrong", &request).unwrap();
    assert_snapshot!(format!("{} {}", answer.status, answer.body), @r#"401 {"error":{"message":"the API key is missing or not known; send `Authorization: Bearer <key>`; make a key with `cultivar key create`","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#);

    server.interrupt();
    server.end().done();
    assert!(!workplace.data("server.json").exists());
    workplace.run(&["key", "create", "mine"]).done();
    assert!(
        !workplace.data("tmp/under-way").exists(),
        "what was left over is removed"
    );
}
