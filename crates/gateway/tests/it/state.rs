//! How the door stands, in the words of whoever looks from outside.

use cultivar_gateway::State;
use cultivar_record::Timestamp;
use cultivar_store::{Backlog, StoreError};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000 + millis * 1_000)
}

fn well() -> State {
    State {
        at: at(10_000),
        open_calls: 0,
        open_streams: 0,
        journal: Backlog {
            frames: 3,
            bytes: 900,
            is_half_full: false,
            is_torn: false,
            failure: None,
            failures: 2,
        },
        durable_entries: 7,
        published_entries: 7,
        published_at: None,
        breakers: Vec::new(),
        is_stopping: false,
    }
}

#[test]
fn a_past_failure_hinders_nothing() {
    assert_eq!(well().hindrances(), Vec::<String>::new());
    let behind = State {
        published_entries: 5,
        published_at: Some(at(5_000)),
        ..well()
    };
    assert_eq!(behind.hindrances(), Vec::<String>::new());
}

#[test]
fn every_hindrance_has_a_line() {
    let mut state = State {
        published_entries: 5,
        published_at: Some(at(4_999)),
        is_stopping: true,
        ..well()
    };
    state.journal.failure = Some(StoreError::DiskFull {
        path: "/data".to_owned(),
    });
    state.journal.is_half_full = true;
    state.journal.is_torn = true;
    assert_eq!(
        state.hindrances(),
        [
            "stopping: the server is about to end",
            "journal: the last attempt to settle failed with `store::disk_full`",
            "journal: a write broke off, and nothing more can be appended",
            "journal: 3 frames of 900 bytes wait, half of what may",
            "ledger: 2 entries wait, and the tree head is 5001 ms old",
        ]
    );
    state.published_at = None;
    assert_eq!(
        state.hindrances().last().unwrap(),
        "ledger: 2 entries wait, and no tree head was published yet"
    );
}
