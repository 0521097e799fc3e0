//! `kill -9` under load, again and again: nobody who was answered is forgotten, and what nobody was told is recorded as unknown.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cultivar_record::{ExchangeId, ExchangeOutcome};

use crate::{
    http::Connection,
    kill::{History, Published},
    served::{Served, question},
};

const KILLS: usize = 20;
const CLIENTS: u64 = 25;
/// Of each client: so many clients ask 500 times a second together.
const PACE: Duration = Duration::from_millis(1_000 * CLIENTS / 500);

/// Asks until told to stop, a whole answer and a stream in turn; the exchanges of which the answer arrived whole.
fn client(address: &str, key: &str, stop: &AtomicBool) -> Vec<ExchangeId> {
    let mut heard = Vec::new();
    let mut connection = Connection::open(address).ok();
    let mut next = Instant::now();
    for n in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let stream = n % 2 == 1;
        let answer = connection
            .as_mut()
            .map(|connection| connection.ask(key, &question(stream)));
        match answer {
            Some(Ok(answer)) => {
                assert_eq!(answer.status, 200, "{}", answer.body);
                let is_whole = !stream || answer.body.ends_with("data: [DONE]\n\n");
                assert!(is_whole && !answer.body.contains("\"error\""), "{}", answer.body);
                heard.push(answer.request_id.parse().unwrap());
            }
            // The server is dead.
            Some(Err(_)) | None => break,
        }
        next += PACE;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    heard
}

#[test]
fn nobody_who_was_answered_is_forgotten_by_twenty_kills_under_load() {
    let served = Served::new();
    let heard = Arc::<Mutex<Vec<ExchangeId>>>::default();
    let mut published = Published::default();
    let (mut under_load, mut before) = (Duration::ZERO, 0);
    for round in 0..KILLS {
        let (mut running, address) = served.serve();
        let stop = AtomicBool::new(false);
        let began = Instant::now();
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let answers = client(&address, &served.key, &stop);
                    heard.lock().unwrap().extend(answers);
                });
            }
            // Not at the same point of a commit each time.
            thread::sleep(Duration::from_millis(200 + (round as u64 * 37) % 101));
            assert!(running.kill(), "{}", running.said_so_far());
            stop.store(true, Ordering::Relaxed);
        });
        under_load += began.elapsed();
        drop(running);
        let answered = heard.lock().unwrap().len();
        assert!(answered > before, "nobody was answered in round {round}");
        before = answered;
        published.still_verifies(&served.workplace);
    }
    // Opening the directory settles and closes what the last kill left open.
    let (running, _) = served.serve();
    running.interrupt();
    running.end().done();
    for command in [&["ledger", "verify"][..], &["ledger", "fsck"], &["doctor"]] {
        served.workplace.run(command).done();
    }
    published.still_verifies(&served.workplace);
    let history = History::read(&served.workplace);
    history.is_consistent();
    let heard = heard.lock().unwrap();
    let unknown = history
        .exchanges
        .values()
        .filter(|(exchange, ..)| exchange.outcome == Some(ExchangeOutcome::Unknown));
    eprintln!(
        "{} answers heard in {:.1} s ({:.0} per second), {} calls at the provider, {} of {} exchanges unknown",
        heard.len(),
        under_load.as_secs_f64(),
        f64::from(u32::try_from(heard.len()).unwrap()) / under_load.as_secs_f64(),
        served.asked(),
        unknown.count(),
        history.exchanges.len(),
    );
    for exchange in heard.iter() {
        history.has_answered(*exchange);
    }
    // Nobody is asked before it is recorded that somebody will be.
    assert!(
        served.asked() <= history.exchanges.len(),
        "{} calls were made",
        served.asked()
    );
}
