//! Ten thousand connections on which nothing happens, and the others notice nothing of them.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{
    http::Connection,
    served::{Served, question},
};

const IDLE: usize = 10_000;

#[test]
fn ten_thousand_idle_connections_keep_nobody_waiting() {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = u64::try_from(IDLE).unwrap() + 300;
    if limit.maximum.is_some_and(|most| most < needed) {
        eprintln!(
            "skipped: {needed} files must be open, and only {:?} may be",
            limit.maximum
        );
        return;
    }
    limit.current = limit.maximum.or(Some(needed));
    setrlimit(Resource::Nofile, limit).unwrap();

    let served = Served::new();
    let (running, address) = served.serve();
    let host = address.trim_start_matches("http://");
    let mut kept = Connection::open(&address).unwrap();
    let mut idle = Vec::with_capacity(IDLE);
    let mut slowest = Duration::ZERO;
    for n in 0..IDLE {
        idle.push(TcpStream::connect(host).unwrap());
        if n % 250 == 0 {
            let began = Instant::now();
            let stream = n % 500 == 0;
            // On a connection that was there before, and on a new one.
            assert_eq!(kept.ask(&served.key, &question(stream)).unwrap().status, 200);
            let mut fresh = Connection::open(&address).unwrap();
            assert_eq!(fresh.ask(&served.key, &question(stream)).unwrap().status, 200);
            slowest = slowest.max(began.elapsed());
        }
    }
    let memory = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap_or_default();
    let resident = memory
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or_default()
        .to_owned();
    eprintln!("{IDLE} idle connections; two questions took {slowest:?} at most; {resident}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    drop(idle);
    assert_eq!(kept.ask(&served.key, &question(false)).unwrap().status, 200);
    running.interrupt();
    running.end().done();
}
