//! What a person administers takes effect beside a running server, on the next request, as it does without one.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http,
    program::{Running, Workplace},
};

/// From the end of the command to the refusal.
const AT_ONCE: Duration = Duration::from_millis(100);

fn serve(workplace: &Workplace) -> (Running, String) {
    let server = workplace.start(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(server.says("Serving until interrupted"), "{}", server.said_so_far());
    let note = std::fs::read(workplace.data("server.json")).unwrap();
    let note: Value = serde_json::from_slice(&note).unwrap();
    let address = note["address"].as_str().unwrap().to_owned();
    (server, address)
}

fn stop(server: Running) {
    server.interrupt();
    server.end().done();
}

fn json(workplace: &Workplace, command: &[&str]) -> Value {
    workplace.run(&[command, &["--format", "json"]].concat()).done().json()
}

fn question() -> Value {
    json!({ "model": "clerk", "messages": [{ "role": "user", "content": "one tea, please" }] })
}

/// Registers the scripted provider, under terms that nobody has accepted yet.
fn add_clerk(workplace: &Workplace, provider: &http::ScriptedProvider) {
    let add = "provider add clerk --provider-model clerk-large --terms cc-by-4_0 --base-url";
    let add: Vec<&str> = add.split(' ').chain([provider.base_url.as_str()]).collect();
    workplace.run(&add).done();
}

#[test]
fn beside_a_server_a_provider_is_added_accepted_asked_and_a_key_revoked_at_once() {
    let provider = http::ScriptedProvider::start();
    let workplace = Workplace::new();
    workplace.run(&["init"]).done();
    let (server, address) = serve(&workplace);
    add_clerk(&workplace, &provider);
    let issued = json(&workplace, &["key", "create", "app"]);
    let (key, id) = (
        issued["key"].as_str().unwrap(),
        issued["api_key"]["id"].as_str().unwrap(),
    );
    assert_eq!(
        http::ask(&address, key, &question()).unwrap().status,
        403,
        "nobody accepted the terms"
    );
    workplace
        .run(&["terms", "accept", "cc-by-4_0", "--by", "Ann Example"])
        .done();
    assert_eq!(http::ask(&address, key, &question()).unwrap().status, 200);

    workplace.run(&["key", "revoke", id]).done();
    let revoked = Instant::now();
    let refused = http::ask(&address, key, &question()).unwrap();
    let took = revoked.elapsed();
    assert_eq!(refused.status, 401, "{}", refused.body);
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(provider.asked(), 1);
    stop(server);
    for command in [&["doctor"][..], &["ledger", "fsck"]] {
        workplace.run(command).done();
    }
}

#[test]
fn a_standing_holds_on_the_next_request_and_can_be_undone() {
    let provider = http::ScriptedProvider::start();
    let workplace = Workplace::new();
    workplace.run(&["init"]).done();
    let (server, address) = serve(&workplace);
    workplace
        .run(&["org", "create", "shop", "--market", "FR", "--rpm", "600"])
        .done();
    add_clerk(&workplace, &provider);
    workplace
        .run(&[
            "terms",
            "accept",
            "cc-by-4_0",
            "--by",
            "Ann",
            "--org",
            "shop",
            "--market",
            "EU",
        ])
        .done();
    let issued = json(&workplace, &["key", "create", "app", "--org", "shop"]);
    let key = issued["key"].as_str().unwrap();
    assert_eq!(http::ask(&address, key, &question()).unwrap().status, 200);

    let case = [
        "--reason",
        "terms of use, section 4",
        "--case-id",
        "C-1",
        "--appeal-url",
        "https://example.com/appeal",
    ];
    workplace
        .run(&[&["org", "standing", "shop", "suspended"][..], &case].concat())
        .done();
    let refused = http::ask(&address, key, &question()).unwrap();
    assert_eq!(refused.status, 401);
    let told: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(told["error"]["code"], "account_deactivated");
    assert_eq!(told["error"]["enforcement"]["case_id"], "C-1");
    workplace.run(&["org", "standing", "shop", "active"]).done();
    assert_eq!(http::ask(&address, key, &question()).unwrap().status, 200);

    let by_market = json(&workplace, &["usage", "--by", "organization,market"]);
    assert_eq!(by_market[0]["organization"], "shop");
    assert_eq!(
        (&by_market[0]["market"], &by_market[0]["requests"]),
        (&json!("FR"), &json!(2))
    );
    let csv = workplace.run(&["usage", "--by", "market", "--csv"]).done().stdout;
    assert_eq!(
        csv.lines().next(),
        Some("market,requests,unanswered,prompt_tokens,completion_tokens,cost_micro_usd")
    );
    assert_eq!(csv.lines().nth(1), Some("FR,2,0,18,18,0"));
    stop(server);
    assert_eq!(
        json(&workplace, &["usage", "--by", "organization,market"]),
        by_market,
        "the same without a server"
    );
}

#[test]
fn every_command_does_the_same_beside_a_server_and_without_one() {
    let told = |beside: bool| {
        let workplace = Workplace::new();
        workplace.run(&["init"]).done();
        let server = beside.then(|| serve(&workplace));
        let mut told = String::new();
        for command in [
            "org create shop --market EU --retention masked --residency EU --budget 5000000 --budget-period day --alert-at 80",
            "org change shop --market FR --no-limit",
            "org show shop",
            "org show nobody",
            "org list",
            "project create site --org shop --tpm 1000",
            "project change site --org shop --market DE",
            "project list --org shop",
            "project archive site --org shop",
            "member add Ann --org shop --role owner --role approver",
            "member list --org shop",
            "member remove Ann --org shop",
            "provider add gpt --kind azure-openai --model assistant --provider-model gpt-4o --terms cc-by-4_0 --market US --market EU \
             --base-url https://shop.openai.azure.com/openai/v1 --weight 2 --bills-cancelled",
            "provider list",
            "provider show gpt",
            "provider show nothing",
            "terms accept cc-by-4_0 --by Ann --market EU --purpose serve",
            "terms accept nothing --by Ann",
            "member key Ann --org shop --public GX9rI+FshTLGq8g4+tLED4/nCNzDoOYKTnBcZpoQAt0=",
            "approval request assistant --market CN --by Ann",
            "approval list",
            "approval show 0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811",
            "evidence show --model assistant --market CN",
            "grant list",
            "grant revoke 0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811 --by Ann",
            "incident list",
            "route explain --model assistant --market CN",
            "usage",
            "exchange list",
            "key list",
            "key revoke 0197a3c2-6f10-7c3e-9d2a-5b1e7f60c811",
            "provider remove gpt",
        ] {
            let words: Vec<&str> = command.split_whitespace().collect();
            let ran = workplace.run(&words);
            let code = ran.code.unwrap();
            let _ = write!(told, "$ cultivar {}\n{}{}", words.join(" "), ran.stdout, ran.stderr);
            if code != 0 {
                let _ = writeln!(told, "exit {code}");
            }
        }
        if let Some((server, _)) = server {
            stop(server);
        }
        let told = cultivar_testkit::redact(&told);
        let prefix = |word: &str| word.starts_with("sk-cultivar-");
        let words = told
            .split(' ')
            .map(|word| if prefix(word) { "[prefix]…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let alone = told(false);
    insta::assert_snapshot!(alone);
    // A server has made its own key to serve pages with; that is all.
    assert_eq!(told(true), alone);
}
