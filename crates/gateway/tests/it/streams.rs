//! Answers as they come: the end arrives once it is durable, and whatever breaks is recorded as it broke.

use std::{fmt::Write as _, time::Duration};

use cultivar_gateway::AnswerEvent;
use cultivar_record::{
    ExchangeOutcome, Purpose,
    chat::{ChatRequest, StreamOptions},
};
use cultivar_store::tables;
use cultivar_testkit::Script;
use insta::assert_snapshot;

use crate::world::{World, heard, heard_of, question, soon, streaming};

/// The state of the only exchange.
fn state(world: &World) -> &'static str {
    let exchanges = world
        .gateway
        .store()
        .read(|tx| tables::exchange::page(tx, None, 2))
        .unwrap();
    let [exchange] = &exchanges[..] else {
        panic!("one exchange, not {}", exchanges.len())
    };
    exchange.outcome.as_ref().map_or("open", ExchangeOutcome::name)
}

#[tokio::test]
async fn an_answer_comes_in_pieces_and_is_recorded_whole() {
    let (world, provider) = World::with_provider(Script::Says(&["Because ", "of ", "Rayleigh."])).await;
    let caller = world.caller(Purpose::Serve).await;
    let heard = heard(world.ask_for_stream(&caller).await.unwrap()).await;
    assert_eq!(heard, ["Because ", "of ", "Rayleigh.", "(stop)"]);
    assert_eq!(provider.calls()[0].body["stream_options"]["include_usage"], true);
    assert_snapshot!(world.photograph());
}

#[tokio::test]
async fn the_usage_is_passed_on_where_it_was_asked_for() {
    let (world, _provider) = World::with_provider(Script::Says(&["yes"])).await;
    let caller = world.caller(Purpose::Serve).await;
    let options = Some(StreamOptions {
        include_usage: true,
        ..StreamOptions::default()
    });
    let asked = streaming(question());
    let asked = cultivar_gateway::Question {
        request: ChatRequest {
            stream_options: options,
            ..asked.request
        },
        ..asked
    };
    let (_, answer) = world.gateway.complete(&caller, asked).await.unwrap();
    let cultivar_gateway::Answer::Stream(events) = answer else {
        panic!("a stream was asked for")
    };
    assert_eq!(heard(events).await, ["yes", "(stop)", "(usage: 8)"]);
}

#[tokio::test]
async fn the_end_of_an_answer_arrives_after_its_outcome_is_durable() {
    let (world, _provider) = World::with_provider(Script::Says(&["one ", "two"])).await;
    let caller = world.caller(Purpose::Serve).await;
    let mut events = world.ask_for_stream(&caller).await.unwrap();
    let mut at_the_end = None;
    while let Some(event) = events.recv().await {
        let AnswerEvent::Chunk(chunk) = event else {
            panic!("nothing was to fail")
        };
        if chunk
            .choices
            .first()
            .is_some_and(|choice| choice.finish_reason.is_some())
        {
            at_the_end = Some(state(&world));
        }
    }
    assert_eq!(at_the_end, Some("answered"));
}

#[tokio::test]
async fn pieces_arrive_while_the_provider_still_speaks() {
    let (world, provider) = World::with_provider(Script::Hangs(&["one ", "two "])).await;
    let caller = world.caller(Purpose::Serve).await;
    let mut events = world.ask_for_stream(&caller).await.unwrap();
    for expected in ["one ", "two "] {
        let Some(AnswerEvent::Chunk(chunk)) = soon(events.recv()).await else {
            panic!("a piece was to come")
        };
        assert_eq!(heard_of(&chunk), expected);
        assert_eq!(state(&world), "open");
    }
    // The client leaves: the provider is told, and what had come is recorded.
    drop(events);
    soon(provider.until_hung_up()).await;
    soon(world.gateway.tasks().drain()).await;
    assert_snapshot!(world.photograph());
}

#[tokio::test]
async fn a_client_that_leaves_before_the_stream_begins_leaves_a_record() {
    let (world, provider) = World::with_provider(Script::IsSilent).await;
    let caller = world.caller(Purpose::Serve).await;
    let left = tokio::time::timeout(Duration::from_millis(300), world.ask_for_stream(&caller)).await;
    assert!(left.is_err(), "a silent provider cannot have been heard");
    soon(provider.until_hung_up()).await;
    soon(world.gateway.tasks().drain()).await;
    assert_eq!(state(&world), "failed");
    assert!(
        world
            .photograph()
            .contains(r#"{"failure":{"code":"client_left","status":null},"outcome":"failed"}"#)
    );
}

#[tokio::test]
async fn a_stream_that_breaks_is_told_and_recorded() {
    let mut photographs = String::new();
    for (name, script) in [
        ("the connection breaks", Script::Breaks(&["Because ", "of "])),
        ("the connection breaks before the first piece", Script::Breaks(&[])),
        (
            "the stream ends without an end",
            Script::EndsEarly(&["Because ", "of "]),
        ),
        ("the stream is empty", Script::EndsEarly(&[])),
        ("an error comes instead of a piece", Script::FailsMidway(&["Because "])),
        (
            "the provider refuses",
            Script::Refuses {
                status: 429,
                code: "rate_limit_exceeded",
                message: "slow down",
            },
        ),
    ] {
        let (world, _provider) = World::with_provider(script).await;
        let caller = world.caller(Purpose::Serve).await;
        let heard = match world.ask_for_stream(&caller).await {
            Ok(events) => soon(heard(events)).await,
            Err(error) => vec![format!("refused: {}", crate::world::told(&error))],
        };
        let photograph = world.photograph();
        let exchange: Vec<&str> = photograph.lines().filter(|line| !line.starts_with("leaf")).collect();
        let _ = writeln!(photographs, "# {name}\nheard: {heard:#?}\n{}\n", exchange.join("\n"));
        assert_eq!(world.kinds().last().map(String::as_str), Some("call_outcome"));
    }
    assert_snapshot!(photographs);
}

#[tokio::test]
async fn a_slow_client_makes_the_provider_wait_and_loses_nothing() {
    let (world, _provider) = World::with_provider(Script::Says(&["a"; 200])).await;
    let caller = world.caller(Purpose::Serve).await;
    let events = world.ask_for_stream(&caller).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(state(&world), "open");
    assert_eq!(heard(events).await.concat(), format!("{}(stop)", "a".repeat(200)));
    assert_eq!(state(&world), "answered");
}
