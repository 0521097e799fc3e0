//! Limits over HTTP: nobody gets more than the limit, however many ask at once, and money is remembered.

use std::time::Duration;

use cultivar_gateway::OrganizationChange;
use cultivar_record::{Ambient, Budget, BudgetPeriod, ExchangeOutcome, Limit, MicroUsd};
use cultivar_testkit::{RawProvider, Step};
use serde_json::{Value, json};

use crate::{
    client::Whole,
    door::{ANSWER, Door, provider, question, soon},
};

const CALLERS: usize = 200;
/// What an answer costs: 5 tokens at 2 and 3 at 8 millionths of a dollar.
const COST: i64 = 34;

fn budget(amount: i64, alerts: &[u8]) -> Limit {
    Limit {
        budget: Some(Budget {
            alert_at_percent: alerts.to_vec(),
            amount: MicroUsd::new(amount),
            period: BudgetPeriod::Month,
        }),
        ..Limit::default()
    }
}

/// A question whose answer has at most ten tokens.
fn short() -> Value {
    let mut body = question();
    body["max_tokens"] = 10.into();
    body
}

/// A provider that takes its time, so that callers meet.
async fn pondering() -> RawProvider {
    provider(|| {
        vec![
            Step::Wait(Duration::from_millis(20)),
            Step::answer(200, "application/json", ANSWER),
        ]
    })
    .await
}

/// Everybody asks at once.
async fn all_ask(door: &Door, key: &str) -> Vec<Whole> {
    let body = short();
    let asking = (0..CALLERS).map(|_| door.ask_with(key, &body));
    soon(futures_util::future::join_all(asking)).await
}

fn spent(door: &Door) -> i64 {
    let exchanges = door.exchanges().into_iter();
    exchanges
        .filter_map(|exchange| exchange.outcome)
        .map(|outcome| outcome.bill().1.get())
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_do_not_overshoot_a_budget() {
    let door = Door::open().await;
    let provider = pondering().await;
    door.register("slow", &provider, |_| ()).await;
    let amount = COST * 40;
    let key = door
        .issue(&door.organization, |new| new.limit = budget(amount, &[]))
        .await;
    let mut answered = 0;
    for _ in 0..4 {
        for reply in all_ask(&door, &key).await {
            if reply.status == 200 {
                answered += 1;
            } else {
                let expected = (429, "insufficient_quota".to_owned(), "insufficient_quota".to_owned());
                assert_eq!(reply.error(), expected);
                assert_eq!(reply.header("x-should-retry"), Some("false"));
            }
        }
        assert!(spent(&door) <= amount, "{} of {amount}", spent(&door));
    }
    assert_eq!(spent(&door), answered * COST);
    // What is reserved is more than what is used, so the last few may not be reached; the budget is used all the same.
    assert!(spent(&door) > amount / 2, "{} of {amount}", spent(&door));
    assert_eq!(provider.calls().len(), usize::try_from(answered).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_do_not_overshoot_requests_per_minute() {
    let door = Door::open().await;
    let provider = pondering().await;
    door.register("slow", &provider, |_| ()).await;
    let key = door
        .issue(&door.organization, |new| new.limit.requests_per_minute = Some(50))
        .await;
    let before = door.ambient.now();
    let replies = all_ask(&door, &key).await;
    let refilled = door.ambient.now().millis_since(before) * 50 / 60_000 + 1;
    let calls = provider.calls().len();
    assert!(
        calls >= 50 && calls <= 50 + usize::try_from(refilled).unwrap(),
        "{calls}, {refilled} refilled"
    );
    let mut lowest = u64::MAX;
    for reply in replies {
        let number = |name: &str| reply.header(name).and_then(|value| value.parse::<u64>().ok());
        assert_eq!(number("x-ratelimit-limit-requests"), Some(50));
        lowest = lowest.min(number("x-ratelimit-remaining-requests").unwrap());
        assert!(reply.header("x-ratelimit-reset-requests").unwrap().ends_with('s'));
        assert_eq!(reply.header("x-ratelimit-limit-tokens"), None);
        if reply.status != 200 {
            let expected = (429, "requests".to_owned(), "rate_limit_exceeded".to_owned());
            assert_eq!(reply.error(), expected);
            let millis = number("retry-after-ms").unwrap();
            assert!(millis > 0 && millis <= 60_000, "{millis}");
            assert_eq!(number("retry-after"), Some(millis.div_ceil(1_000)));
        }
    }
    assert_eq!(lowest, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_do_not_overshoot_tokens_per_minute() {
    let door = Door::open().await;
    let provider = pondering().await;
    door.register("slow", &provider, |_| ()).await;
    let key = door
        .issue(&door.organization, |new| new.limit.tokens_per_minute = Some(400))
        .await;
    let before = door.ambient.now();
    for _ in 0..3 {
        for reply in all_ask(&door, &key).await {
            assert_eq!(reply.header("x-ratelimit-limit-tokens"), Some("400"));
            if reply.status != 200 {
                assert_eq!(
                    reply.error(),
                    (429, "tokens".to_owned(), "rate_limit_exceeded".to_owned())
                );
            }
        }
    }
    let refilled = door.ambient.now().millis_since(before) * 400 / 60_000 + 1;
    let used: u64 = door
        .exchanges()
        .iter()
        .filter_map(|exchange| exchange.outcome.as_ref().map(ExchangeOutcome::bill))
        .map(|(usage, _)| usage.prompt.get() + usage.completion.get())
        .sum();
    // What is reserved is more than what is used, so not everything is.
    assert!(used > 100 && used <= 400 + refilled, "{used} used, {refilled} refilled");
}

#[tokio::test]
async fn an_alert_is_sent_once_whatever_else_happens() {
    let door = Door::open().await;
    let (slow, receiver) = (
        pondering().await,
        provider(|| vec![Step::answer(200, "text/plain", "")]).await,
    );
    door.register("slow", &slow, |_| ()).await;
    let change = OrganizationChange {
        limit: Some(budget(COST * 20, &[50, 90])),
        alert_url: Some(receiver.base_url().to_owned()),
        ..OrganizationChange::default()
    };
    door.gateway.change_organization("lab", change).await.unwrap();
    for _ in 0..12 {
        assert_eq!(door.ask(&short()).await.status, 200);
        // What an operator does meanwhile changes nothing about what was spent.
        door.issue(&door.organization, |_| ()).await;
    }
    door.gateway.tasks().drain().await;
    let alerts: Vec<Value> = receiver
        .calls()
        .iter()
        .map(|call| serde_json::from_slice(&call.body).unwrap())
        .collect();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["type"], "budget.threshold_crossed");
    assert_eq!(alerts[0]["percent"], 50);
    assert_eq!(alerts[0]["organization"], json!(door.organization.id));
    assert_eq!(alerts[0]["spent_micro_usd"], COST * 10);

    let door = door.again().await;
    assert_eq!(door.ask(&short()).await.status, 200);
    door.gateway.tasks().drain().await;
    assert_eq!(receiver.calls().len(), 1, "a threshold that was told stays told");
}

#[tokio::test]
async fn a_budget_survives_a_restart_and_acts_of_the_operator() {
    let door = Door::open().await;
    let slow = pondering().await;
    door.register("slow", &slow, |_| ()).await;
    let key = door.issue(&door.organization, |new| new.limit = budget(300, &[])).await;
    let mut answered = 0;
    while door.ask_with(&key, &short()).await.status == 200 {
        answered += 1;
        door.issue(&door.organization, |_| ()).await;
        assert!(answered * COST <= 300, "{answered} answers");
    }
    let door = door.again().await;
    let refused = door.ask_with(&key, &short()).await;
    assert_eq!(refused.error().2, "insufficient_quota");
    assert_eq!(slow.calls().len(), usize::try_from(answered).unwrap());
    // A new month begins anew.
    door.ambient.advance(Duration::from_hours(24 * 32));
    assert_eq!(door.ask_with(&key, &short()).await.status, 200);
}

#[tokio::test]
async fn a_request_for_more_tokens_than_there_are_is_refused_in_good_order() {
    let door = Door::open().await;
    let slow = pondering().await;
    door.register("slow", &slow, |_| ()).await;
    let key = door.issue(&door.organization, |new| new.limit = budget(300, &[])).await;
    let mut body = question();
    body["max_tokens"] = u64::MAX.into();
    body["n"] = u64::MAX.into();
    assert_eq!(door.ask_with(&key, &body).await.error().2, "insufficient_quota");
    assert_eq!(door.ask_with(&key, &short()).await.status, 200);
}
