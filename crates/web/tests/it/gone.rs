//! Clients that leave: the provider hears of it at once, and what had come is recorded and billed.

use std::time::Duration;

use cultivar_record::ExchangeOutcome;
use cultivar_testkit::Step;

use crate::door::{ANSWER, Door, piece, provider, question, soon, stream_of, streaming};

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_cancels_the_call() {
    let door = Door::open().await;
    let provider = provider(|| vec![Step::Hang]).await;
    door.register("slow", &provider, |_| ()).await;
    let body = question();
    let left = tokio::time::timeout(Duration::from_millis(100), door.begin_with(&door.key, &[], &body)).await;
    assert!(left.is_err());
    tokio::time::timeout(Duration::from_millis(500), provider.until_hung_up(1))
        .await
        .expect("the call is cancelled at once");
    door.until_ended().await;
    assert_eq!(door.outcomes(), [("slow".to_owned(), "client_left".to_owned())]);
    assert_eq!(
        provider.calls().len(),
        1,
        "a call that nobody waits for is not made again"
    );
}

#[tokio::test]
async fn a_client_that_leaves_within_a_stream_pays_for_what_had_come() {
    let door = Door::open().await;
    let provider = provider(|| {
        let mut steps = stream_of(&[piece("Ray").as_bytes(), piece("leigh").as_bytes()]);
        *steps.last_mut().unwrap() = Step::Hang;
        steps
    })
    .await;
    door.register("slow", &provider, |_| ()).await;
    let mut open = door.begin(&streaming()).await;
    open.until("leigh").await.unwrap();
    drop(open);
    tokio::time::timeout(Duration::from_millis(500), provider.until_hung_up(1))
        .await
        .expect("the call is cancelled at once");
    door.until_ended().await;
    let exchange = door.exchanges().pop().unwrap();
    let Some(ExchangeOutcome::Partial { usage, cost, .. }) = exchange.outcome else {
        panic!("{:?}", exchange.outcome)
    };
    assert!(
        usage.estimated && usage.completion.get() == 2 && usage.prompt.get() > 0,
        "{usage:?}"
    );
    assert!(cost.get() > 0);
    assert_eq!(
        door.answer_of(&exchange),
        [piece("Ray"), piece("leigh")].concat().as_bytes()
    );
}

#[tokio::test]
async fn a_provider_that_bills_all_the_same_is_heard_to_its_end() {
    let door = Door::open().await;
    let slow = |steps: Vec<Step>| {
        let mut all = vec![Step::Wait(Duration::from_millis(250))];
        all.extend(steps);
        all
    };
    let whole = provider(move || slow(vec![Step::answer(200, "application/json", ANSWER)])).await;
    let end = r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"large","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7}}"#;
    let streamed = provider(move || {
        let mut steps = stream_of(&[piece("Ray").as_bytes()]);
        steps.pop();
        steps.push(Step::Wait(Duration::from_millis(250)));
        steps.push(Step::chunk(format!("{end}\n\ndata: [DONE]\n\n").as_bytes()));
        steps.push(Step::stream_end());
        steps
    })
    .await;
    door.register("whole", &whole, |new| {
        new.model = "whole".to_owned();
        new.bills_cancelled = true;
    })
    .await;
    door.register("streamed", &streamed, |new| new.bills_cancelled = true)
        .await;

    let mut body = question();
    body["model"] = "whole".into();
    let left = tokio::time::timeout(Duration::from_millis(100), door.begin_with(&door.key, &[], &body)).await;
    assert!(left.is_err());
    let mut open = door.begin(&streaming()).await;
    open.until("Ray").await.unwrap();
    drop(open);
    soon(door.until_ended()).await;
    let billed: Vec<u64> = door
        .exchanges()
        .iter()
        .map(|exchange| match &exchange.outcome {
            Some(ExchangeOutcome::Answered { usage, .. }) => usage.completion.get(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(billed, [3, 7]);
}
