//! Whole answers: permitted, asked, metered, recorded.

use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use cultivar_gateway::{Answer, NewProvider, Question};
use cultivar_record::{
    Purpose,
    chat::{ChatRequest, Message, Role},
};
use cultivar_store::tables;
use cultivar_testkit::{Script, ScriptedProvider};
use insta::assert_snapshot;

use crate::world::{KEY_VARIABLE, MODEL, OPEN_TERMS, World, at, question, soon, told};

#[tokio::test]
async fn a_permitted_call_is_answered_and_recorded() {
    let (world, provider) = World::with_provider(Script::Says(&["Because of ", "Rayleigh."])).await;
    let caller = world.caller(Purpose::Serve).await;
    let (_, answer) = world.ask(&caller).await.unwrap();
    let Answer::Whole(completion) = answer else {
        panic!("no stream was asked for")
    };
    assert_eq!(completion.first_text(), "Because of Rayleigh.");
    assert_eq!(completion.id, "chatcmpl-scripted");
    let [call] = &provider.calls()[..] else {
        panic!("one call was to be made")
    };
    assert_eq!(call.body["model"], "scripted-large");
    assert_eq!(call.authorization, None);
    assert_snapshot!(world.photograph());
}

#[tokio::test]
async fn a_second_call_under_the_same_terms_needs_no_second_decision() {
    let (world, _provider) = World::with_provider(Script::Says(&["yes"])).await;
    let caller = world.caller(Purpose::Serve).await;
    for _ in 0..3 {
        world.ask(&caller).await.unwrap();
    }
    let kinds = world.kinds();
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!(
        (count("decision"), count("call_intent"), count("call_outcome")),
        (1, 3, 3)
    );
    let tally = world.gateway.store().read(tables::exchange::tally).unwrap();
    assert_eq!(
        (tally[0].exchanges, tally[0].usage.prompt.get(), tally[0].cost.get()),
        (3, 15, 3 * (10 + 24))
    );
}

/// A copy of a folder as it is at this moment.
fn copied(from: &std::path::Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status();
    assert!(copied.unwrap().success());
    to
}

/// What another process finds that opens a directory.
fn states(world: &World, folder: tempfile::TempDir) -> Vec<(String, u64)> {
    let found = world.opened_at(folder);
    let tally = found.gateway.store().read(tables::exchange::tally).unwrap();
    tally.into_iter().map(|row| (row.state, row.exchanges)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intent_is_durable_before_the_provider_hears_of_it() {
    let world = World::new().await;
    let (dir, seen) = (world.dir(), Arc::new(Mutex::new(Vec::new())));
    let sight = Arc::clone(&seen);
    let provider = ScriptedProvider::start_with(Script::Says(&["yes"]), move |_| {
        sight.lock().unwrap().push(copied(dir.root()));
    });
    let provider = provider.await.unwrap();
    world.accept(OPEN_TERMS).await;
    world.register(&provider, OPEN_TERMS).await;
    let caller = world.caller(Purpose::Serve).await;
    world.ask(&caller).await.unwrap();
    let answered = copied(world.dir().root());
    let asked = seen.lock().unwrap().pop().unwrap();
    // Had the process been killed while the provider was asked, and had it been killed right after the answer:
    assert_eq!(states(&world, asked), [("unknown".to_owned(), 1)]);
    assert_eq!(states(&world, answered), [("answered".to_owned(), 1)]);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_call_and_leaves_a_record() {
    let (world, provider) = World::with_provider(Script::IsSilent).await;
    let caller = world.caller(Purpose::Serve).await;
    let left = tokio::time::timeout(Duration::from_millis(300), world.ask(&caller)).await;
    assert!(left.is_err(), "a silent provider cannot have answered");
    soon(provider.until_hung_up()).await;
    assert!(
        world
            .photograph()
            .contains(r#"{"failure":{"code":"client_left","status":null},"outcome":"failed"}"#)
    );
}

#[tokio::test]
async fn the_providers_key_comes_from_its_variable() {
    let (world, provider) = (
        World::new().await,
        ScriptedProvider::start(Script::Says(&["yes"])).await.unwrap(),
    );
    world.accept(OPEN_TERMS).await;
    let with_key = |variable: &str| NewProvider {
        key_variable: Some(variable.to_owned()),
        ..at(provider.base_url(), OPEN_TERMS)
    };
    let caller = world.caller(Purpose::Serve).await;
    world
        .gateway
        .register_provider(world.organization.id, with_key("ANOTHER_KEY"))
        .await
        .unwrap();
    let error = world.ask(&caller).await.unwrap_err();
    assert_eq!(
        told(&error),
        "provider_key_missing: the environment variable `ANOTHER_KEY` with the key of `scripted` is not set\n\
         help: export `ANOTHER_KEY` and start again; the key itself is never stored"
    );
    assert_eq!(provider.calls(), []);

    world
        .gateway
        .register_provider(world.organization.id, with_key(KEY_VARIABLE))
        .await
        .unwrap();
    world.ask(&caller).await.unwrap();
    assert_eq!(
        provider.calls()[0].authorization.as_deref(),
        Some("Bearer sk-provider-secret")
    );
}

/// Behind a company's proxy, a teacher on loopback is no affair of the proxy.
#[test]
fn a_provider_on_this_machine_is_asked_past_any_proxy() {
    let nobody = "http://127.0.0.1:1";
    let again = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "calls::a_second_call_under_the_same_terms_needs_no_second_decision",
        ])
        .envs([("http_proxy", nobody), ("HTTP_PROXY", nobody), ("ALL_PROXY", nobody)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn what_cultivar_does_not_read_passes_through() {
    let (world, provider) = World::with_provider(Script::Says(&["yes"])).await;
    let caller = world.caller(Purpose::Serve).await;
    let text = r#"{"model":"lecturer","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],
        "tools":[{"type":"function","function":{"name":"f"}}],"seed":3,"logit_bias":{"5":1}}"#;
    let request: ChatRequest = serde_json::from_str(text).unwrap();
    world.gateway.complete(&caller, Question::alone(request)).await.unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(text).unwrap();
    expected["model"] = "scripted-large".into();
    assert_eq!(provider.calls()[0].body, expected);
}

#[tokio::test]
async fn the_same_question_can_be_found_again_by_its_key() {
    let (world, _provider) = World::with_provider(Script::Says(&["yes"])).await;
    let caller = world.caller(Purpose::Collect).await;
    let keyed = Question {
        prompt_key: Some("turn-3".to_owned()),
        ..question()
    };
    let (id, _) = world.gateway.complete(&caller, keyed).await.unwrap();
    let found = world
        .gateway
        .store()
        .read(|tx| tables::exchange::answered(tx, "scripted", "collect", "turn-3"));
    assert_eq!(found.unwrap().map(|exchange| exchange.intent.id), Some(id));
}

#[tokio::test]
async fn a_request_that_is_none_reaches_nobody() {
    let (world, provider) = World::with_provider(Script::Says(&["yes"])).await;
    let caller = world.caller(Purpose::Serve).await;
    let before = world.kinds();
    let plain = ChatRequest::plain(MODEL, vec![Message::text(Role::User, "hi")]);
    let cases = [
        (
            ChatRequest {
                messages: Vec::new(),
                ..plain.clone()
            },
            "`messages` must hold at least one message",
        ),
        (
            ChatRequest {
                temperature: Some(2.1),
                ..plain.clone()
            },
            "`temperature` must lie between 0 and 2",
        ),
        (
            ChatRequest {
                temperature: Some(f64::NAN),
                ..plain.clone()
            },
            "`temperature` must lie between 0 and 2",
        ),
        (
            ChatRequest {
                top_p: Some(-0.1),
                ..plain.clone()
            },
            "`top_p` must lie between 0 and 1",
        ),
        (
            ChatRequest {
                max_tokens: Some(0),
                ..plain.clone()
            },
            "`max_tokens` must be at least 1",
        ),
    ];
    for (request, expected) in cases {
        let error = world
            .gateway
            .complete(&caller, Question::alone(request))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code_text().as_str(), error.to_string().as_str()),
            ("invalid_request", expected)
        );
    }
    let error = world
        .gateway
        .complete(
            &caller,
            Question::alone(ChatRequest {
                model: "x".repeat(500),
                ..plain
            }),
        )
        .await;
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("the model `{}` does not exist", "x".repeat(100))
    );
    assert_eq!(provider.calls(), []);
    assert_eq!(world.kinds(), before);
}
