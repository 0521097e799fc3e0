//! Exchanges: an intent, then exactly one outcome.

use std::sync::Arc;

use cultivar_record::{Exchange, ExchangeOutcome, Intent, LeafIndex, MicroUsd, TokenCount, Usage};
use cultivar_store::{Database, Store, StoreError, tables, tables::exchange::Tally};

use super::{furnished, told, write};
use crate::samples::{Samples, failed};

fn begin(store: &Store, samples: &Samples, provider: &str, prompt_key: Option<&'static str>, leaf: u64) -> Intent {
    let frame = samples.intent_frame(samples.intent(provider), samples.salt(), prompt_key);
    let intent = Intent::clone(&frame.intent);
    write(store, move |tx| {
        tables::exchange::insert(tx, &frame, LeafIndex(leaf), None)
    })
    .unwrap();
    intent
}

fn end(
    store: &Store,
    samples: &Samples,
    intent: &Intent,
    outcome: &ExchangeOutcome,
    leaf: u64,
) -> Result<(), StoreError> {
    let frame = samples.outcome_frame(intent, outcome.clone());
    write(store, move |tx| tables::exchange::end(tx, &frame, LeafIndex(leaf)))
}

pub(crate) fn an_exchange_is_open_until_its_outcome(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let intent = begin(&store, &samples, "p", None, 4);
    let open = Exchange {
        intent: intent.clone(),
        intent_leaf: LeafIndex(4),
        outcome: None,
        outcome_leaf: None,
        ended_at: None,
    };
    assert_eq!(store.read(|tx| tables::exchange::get(tx, intent.id)).unwrap(), open);
    assert_eq!(store.read(tables::exchange::open).unwrap(), [open]);

    let outcome = samples.answered(10, 4, 25);
    end(&store, &samples, &intent, &outcome, 9).unwrap();
    let ended = store.read(|tx| tables::exchange::get(tx, intent.id)).unwrap();
    assert_eq!((ended.outcome, ended.outcome_leaf), (Some(outcome), Some(LeafIndex(9))));
    assert!(ended.ended_at.unwrap() > intent.at);
    assert_eq!(store.read(tables::exchange::open).unwrap(), []);
}

pub(crate) fn an_exchange_ends_once(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let intent = begin(&store, &samples, "p", None, 0);
    end(&store, &samples, &intent, &failed(), 1).unwrap();
    assert_eq!(
        told(end(&store, &samples, &intent, &ExchangeOutcome::Unknown, 2)),
        format!("store::not_found: there is no open exchange `{}`", intent.id)
    );
    let kept = store.read(|tx| tables::exchange::get(tx, intent.id)).unwrap();
    assert_eq!((kept.outcome, kept.outcome_leaf), (Some(failed()), Some(LeafIndex(1))));
}

pub(crate) fn the_salts_stand_apart_from_the_records(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let (intent, salt) = (samples.intent("p"), samples.salt());
    let frame = samples.intent_frame(intent.clone(), salt, None);
    write(&store, move |tx| {
        tables::exchange::insert(tx, &frame, LeafIndex(0), None)
    })
    .unwrap();
    assert_eq!(
        store.read(|tx| tables::exchange::salts(tx, intent.id)).unwrap(),
        (Some(salt), None)
    );
    end(&store, &samples, &intent, &failed(), 1).unwrap();
    let (first, second) = store.read(|tx| tables::exchange::salts(tx, intent.id)).unwrap();
    assert_eq!(first, Some(salt));
    assert!(second.is_some_and(|second| second != salt));
    let rows = store
        .read(|tx| tx.query("SELECT intent, outcome FROM exchange", &[]))
        .unwrap();
    for column in [0, 1] {
        assert!(!rows[0].text(column).unwrap().contains(&salt.to_string()));
    }
}

pub(crate) fn the_same_question_is_found_where_it_was_answered(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let failed_first = begin(&store, &samples, "p", Some("key"), 0);
    end(&store, &samples, &failed_first, &failed(), 1).unwrap();
    let find = |provider, key| {
        store
            .read(|tx| tables::exchange::answered(tx, provider, "collect", key))
            .unwrap()
    };
    assert_eq!(find("p", "key"), None);

    let answered = begin(&store, &samples, "p", Some("key"), 2);
    end(&store, &samples, &answered, &samples.answered(1, 1, 1), 3).unwrap();
    assert_eq!(find("p", "key").unwrap().intent, answered);
    assert_eq!(find("another", "key"), None);
    assert_eq!(find("p", "another"), None);
    let served = store.read(|tx| tables::exchange::answered(tx, "p", "serve", "key"));
    assert_eq!(served.unwrap(), None);
}

pub(crate) fn exchanges_are_paged_in_the_order_of_their_ids(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    let intents: Vec<Intent> = (0..5).map(|leaf| begin(&store, &samples, "p", None, leaf)).collect();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.read(|tx| tables::exchange::page(tx, after, 2)).unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.intent.id);
        seen.extend(page.into_iter().map(|exchange| exchange.intent));
    }
    assert_eq!(seen, intents);
    assert_eq!(store.read(tables::exchange::beyond).unwrap(), 5);
}

pub(crate) fn exchanges_are_counted_by_state(database: Arc<dyn Database>) {
    let (store, samples) = furnished(database);
    assert_eq!(store.read(tables::exchange::tally).unwrap(), []);
    assert_eq!(store.read(tables::exchange::beyond).unwrap(), 0);
    for (leaf, outcome) in [
        (0, Some(samples.answered(10, 4, 25))),
        (2, Some(samples.answered(1, 2, -5))),
        (4, Some(failed())),
        (6, None),
    ] {
        let intent = begin(&store, &samples, "p", None, leaf);
        if let Some(outcome) = outcome {
            end(&store, &samples, &intent, &outcome, leaf + 1).unwrap();
        }
    }
    let row = |state: &str, exchanges, prompt, completion, cost| Tally {
        state: state.to_owned(),
        exchanges,
        usage: Usage::counted(TokenCount::new(prompt), TokenCount::new(completion)),
        cost: MicroUsd::new(cost),
    };
    assert_eq!(
        store.read(tables::exchange::tally).unwrap(),
        [
            row("answered", 2, 11, 6, 20),
            row("failed", 1, 0, 0, 0),
            row("open", 1, 0, 0, 0)
        ]
    );
    assert_eq!(store.read(tables::exchange::beyond).unwrap(), 7);
}
