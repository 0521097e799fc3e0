//! Whole answers: permitted, asked, metered, recorded.

use std::{
    process::Command,
    sync::{Arc, Mutex, OnceLock},
};

use cultivar_gateway::{Answer, NewProvider, Question};
use cultivar_record::{
    ExchangeOutcome, Purpose,
    chat::{ChatRequest, Message, Role},
};
use cultivar_store::{DataDir, Sqlite, Store, tables};
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

/// What the database of a directory shows to somebody who looks at it from outside.
fn look(dir: &DataDir) -> (Vec<&'static str>, u64) {
    let store = Store::open_to_read(Arc::new(Sqlite::read_only(dir.database()))).unwrap();
    let exchanges = store.read(|tx| tables::exchange::page(tx, None, 10)).unwrap();
    let states = exchanges
        .iter()
        .map(|e| e.outcome.as_ref().map_or("open", ExchangeOutcome::name))
        .collect();
    (states, store.read(tables::ledger::head).unwrap().next_leaf)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intent_is_durable_before_the_provider_hears_of_it() {
    let world = World::new().await;
    let (dir, seen) = (Arc::new(OnceLock::from(world.dir())), Arc::new(Mutex::new(Vec::new())));
    let (place, sight) = (Arc::clone(&dir), Arc::clone(&seen));
    let provider = ScriptedProvider::start_with(Script::Says(&["yes"]), move |_| {
        sight.lock().unwrap().push(look(place.get().unwrap()));
    });
    let provider = provider.await.unwrap();
    world.accept(OPEN_TERMS).await;
    world.register(&provider, OPEN_TERMS).await;
    let caller = world.caller(Purpose::Serve).await;
    let before = look(&world.dir()).1;
    world.ask(&caller).await.unwrap();
    // One leaf for the decision, one for the intent; the outcome comes after the answer.
    assert_eq!(*seen.lock().unwrap(), [(vec!["open"], before + 2)]);
    assert_eq!(look(&world.dir()), (vec!["answered"], before + 3));
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_the_record_with_it() {
    let (world, _provider) = World::with_provider(Script::Says(&["yes"])).await;
    let caller = world.caller(Purpose::Serve).await;
    world.ask(&caller).await.unwrap();
    {
        let asking = world.ask(&caller);
        let mut asking = std::pin::pin!(asking);
        // The client leaves as soon as its intent is there.
        while world.gateway.store().read(tables::exchange::open).unwrap().is_empty() {
            let moment = std::time::Duration::from_micros(100);
            assert!(
                tokio::time::timeout(moment, &mut asking).await.is_err(),
                "it was answered too soon"
            );
        }
        let moment = std::time::Duration::from_millis(20);
        let _ = tokio::time::timeout(moment, &mut asking).await;
    }
    soon(world.gateway.tasks().drain()).await;
    let tally = world.gateway.store().read(tables::exchange::tally).unwrap();
    assert_eq!(
        tally
            .iter()
            .map(|row| (row.state.as_str(), row.exchanges))
            .collect::<Vec<_>>(),
        [("answered", 2)]
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
