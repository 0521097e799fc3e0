//! Slow clients: each loses patience in the end, and nobody else notices.

use std::time::{Duration, Instant};

use cultivar_record::ExchangeOutcome;
use cultivar_testkit::{Step, wire};
use cultivar_web::Patience;
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    client,
    door::{Door, good, piece, provider, question, soon, stream_of, streaming},
};

const SHORT: Patience = Patience {
    head: Duration::from_millis(400),
    body: Duration::from_millis(400),
    pace: 1_000,
    unread: Duration::from_millis(400),
};

/// Sends a beginning, and then a byte now and then, until the server hangs up; what it said, and after how long.
async fn drip(door: &Door, beginning: &str) -> (String, Duration) {
    let stream = TcpStream::connect(door.address).await.unwrap();
    wire::write_all(&stream, beginning.as_bytes()).await.unwrap();
    let (began, mut said) = (Instant::now(), Vec::new());
    loop {
        let read = tokio::time::timeout(Duration::from_millis(20), wire::read_some(&stream, &mut said)).await;
        if matches!(read, Ok(Ok(0) | Err(_))) || wire::write_all(&stream, b"x").await.is_err() {
            return (String::from_utf8_lossy(&said).into_owned(), began.elapsed());
        }
        assert!(began.elapsed() < Duration::from_secs(10), "nobody hangs up");
    }
}

#[tokio::test]
async fn heads_and_bodies_that_drip_are_given_up_while_others_are_answered() {
    let door = Door::with_patience(SHORT).await;
    let provider = good().await;
    door.register("good", &provider, |_| ()).await;
    let key = &door.key;
    let body = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\ncontent-length: 9000\r\n\r\n{{"
    );
    let of_router =
        "POST /tokenize HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n{";
    let beginnings = ["POST /v1/chat/completions HTTP/1.1\r\nx-", body.as_str(), of_router];
    for beginning in beginnings {
        let (said, after) = drip(&door, beginning).await;
        assert!(
            after >= Duration::from_millis(350) && after < Duration::from_secs(3),
            "{after:?}: {said}"
        );
        if beginning.contains("Bearer") {
            assert!(
                said.starts_with("HTTP/1.1 408 ") && said.contains("request_timeout"),
                "{said}"
            );
        }
    }
    let dripping = async {
        let drips = (0..50).map(|n| drip(&door, beginnings[n % 3]));
        futures_util::future::join_all(drips).await
    };
    let asking = async {
        for _ in 0..20 {
            let began = Instant::now();
            assert_eq!(door.ask(&question()).await.status, 200);
            assert!(began.elapsed() < Duration::from_secs(1));
        }
    };
    soon(futures_util::future::join(dripping, asking)).await;
}

#[tokio::test]
async fn a_body_that_keeps_the_pace_is_read_however_long_it_takes() {
    let door = Door::with_patience(SHORT).await;
    let provider = good().await;
    door.register("good", &provider, |_| ()).await;
    let mut body = question();
    body["metadata"] = serde_json::json!({ "long": "y".repeat(4_000) });
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        door.key,
        body.len()
    );
    let stream = TcpStream::connect(door.address).await.unwrap();
    wire::write_all(&stream, head.as_bytes()).await.unwrap();
    let began = Instant::now();
    for slice in body.as_bytes().chunks(100) {
        wire::write_all(&stream, slice).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() > SHORT.body * 2);
    let answer = client::response(stream).await.unwrap().whole().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_thousand_idle_connections_are_no_burden() {
    let door = Door::open().await;
    let provider = good().await;
    door.register("good", &provider, |_| ()).await;
    let mut connecting = JoinSet::new();
    for _ in 0..1_000 {
        connecting.spawn(TcpStream::connect(door.address));
    }
    let idle: Vec<TcpStream> = connecting.join_all().await.into_iter().map(Result::unwrap).collect();
    for _ in 0..20 {
        assert_eq!(soon(door.ask(&question())).await.status, 200);
    }
    drop(idle);
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_its_answer_is_given_up_and_pays_for_what_had_come() {
    let door = Door::with_patience(SHORT).await;
    // More than the sockets between provider and client can hold.
    let endless = provider(|| {
        let long = piece(&"y".repeat(60_000));
        let mut steps = stream_of(&vec![long.as_bytes(); 400]);
        *steps.last_mut().unwrap() = Step::Hang;
        steps
    })
    .await;
    door.register("endless", &endless, |_| ()).await;
    let unread = door.begin(&streaming()).await;
    let began = Instant::now();
    soon(door.until_ended()).await;
    assert!(began.elapsed() > SHORT.unread, "{:?}", began.elapsed());
    let exchange = door.exchanges().pop().unwrap();
    assert!(
        matches!(&exchange.outcome, Some(ExchangeOutcome::Partial { usage, .. }) if usage.completion.get() > 0),
        "{:?}",
        exchange.outcome
    );
    drop(unread);
}
