//! Keys that are revoked and organisations that are suspended: the next request is refused, and what runs breaks off.

use std::time::{Duration, Instant};

use cultivar_gateway::NewKey;
use cultivar_governance::{ProjectChange, put_project};
use cultivar_record::{Enforcement, Purpose, Standing};
use cultivar_testkit::Step;
use serde_json::Value;

use crate::{
    client::Open,
    door::{ANSWER, Door, good, piece, provider, question, soon, stream_of, streaming},
};

/// What ends a stream that is broken off: the error.
async fn broken_off(mut open: Open) -> (Value, Duration) {
    let began = Instant::now();
    let text = String::from_utf8(open.until("data: [DONE]\n\n").await.unwrap()).unwrap();
    assert_eq!(open.next().await.unwrap(), None, "nothing follows");
    let error = text.split("\n\n").find(|event| event.contains("\"error\"")).unwrap();
    let error: Value = serde_json::from_str(error.strip_prefix("data: ").unwrap()).unwrap();
    (error["error"].clone(), began.elapsed())
}

async fn door_with(steps: fn() -> Vec<Step>) -> (Door, cultivar_testkit::RawProvider) {
    let door = Door::open().await;
    let provider = provider(steps).await;
    door.register("endless", &provider, |_| ()).await;
    (door, provider)
}

/// Writes for ever.
fn endless() -> Vec<Step> {
    let mut steps = vec![Step::stream_head()];
    for _ in 0..500 {
        steps.push(Step::chunk(piece("more ").as_bytes()));
        steps.push(Step::Wait(Duration::from_millis(20)));
    }
    steps
}

/// Says a word and falls silent.
fn silent() -> Vec<Step> {
    let mut steps = stream_of(&[piece("well").as_bytes()]);
    *steps.last_mut().unwrap() = Step::Hang;
    steps
}

#[tokio::test]
async fn a_revoked_key_ends_new_requests_and_running_streams() {
    for (steps, is_silent) in [(endless as fn() -> Vec<Step>, false), (silent, true)] {
        let (door, provider) = door_with(steps).await;
        let (api_key, key) = door
            .gateway
            .issue(&door.organization, NewKey::plain("other", Purpose::Serve))
            .await
            .unwrap();
        let mut open = door.begin_with(&key, &[], &streaming()).await.unwrap();
        let mut others = door.begin(&streaming()).await;
        open.until("content").await.unwrap();
        others.until("content").await.unwrap();
        let began = Instant::now();
        door.gateway.revoke_key(api_key.id).await.unwrap();
        let (error, after) = broken_off(open).await;
        assert_eq!(error["code"], "invalid_api_key", "{error}");
        assert!(error["message"].as_str().unwrap().contains("revoked"), "{error}");
        assert!(after < Duration::from_secs(1), "{after:?}");
        let refused = door.ask_with(&key, &question()).await;
        assert_eq!(
            refused.error(),
            (401, "invalid_request_error".to_owned(), "invalid_api_key".to_owned())
        );
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        if is_silent {
            soon(provider.until_hung_up(1)).await;
        }
        let quiet = tokio::time::timeout(Duration::from_millis(100), others.until("error")).await;
        assert!(quiet.is_err(), "streams of other keys go on: {quiet:?}");
        drop(others);
        door.until_ended().await;
        let partial = ("endless".to_owned(), "partial".to_owned());
        assert_eq!(door.outcomes(), [partial.clone(), partial]);
    }
}

#[tokio::test]
async fn a_suspended_organisation_is_told_so_within_its_streams_and_at_the_next_request() {
    let (door, _provider) = door_with(silent).await;
    let mut open = door.begin(&streaming()).await;
    open.until("well").await.unwrap();
    let case = Enforcement {
        case_id: "case-7".to_owned(),
        reason: "extraction of a model".to_owned(),
        until: None,
        appeal_url: Some("https://example.com/appeal".to_owned()),
    };
    let began = Instant::now();
    door.gateway
        .set_standing("lab", Standing::Suspended, Some(case))
        .await
        .unwrap();
    let set = began.elapsed();
    let refused = door.ask(&question()).await;
    assert_eq!(
        refused.error(),
        (
            401,
            "invalid_request_error".to_owned(),
            "account_deactivated".to_owned()
        )
    );
    assert_eq!(refused.json()["error"]["enforcement"]["case_id"], "case-7");
    eprintln!("in effect after {set:?}, refused after {:?}", began.elapsed());
    let (error, after) = broken_off(open).await;
    assert_eq!(error["code"], "account_deactivated");
    assert_eq!(error["enforcement"]["appeal_url"], "https://example.com/appeal");
    assert!(after < Duration::from_secs(1), "{after:?}");

    door.gateway.set_standing("lab", Standing::Active, None).await.unwrap();
    let good = good().await;
    door.register("good", &good, |new| new.model = "other".to_owned()).await;
    let mut body = question();
    body["model"] = "other".into();
    assert_eq!(door.ask(&body).await.text(), ANSWER);
}

#[tokio::test]
async fn who_is_suspended_while_the_provider_makes_up_its_mind_hears_nothing_of_it() {
    let (door, _provider) = door_with(|| {
        let mut steps = vec![Step::Wait(Duration::from_millis(300))];
        steps.extend(endless());
        steps
    })
    .await;
    let body = streaming();
    let suspended = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        door.gateway
            .set_standing("lab", Standing::Suspended, None)
            .await
            .unwrap();
    };
    let (open, ()) = futures_util::future::join(door.begin_with(&door.key, &[], &body), suspended).await;
    let (error, _) = broken_off(open.unwrap()).await;
    assert_eq!(error["code"], "account_deactivated");
}

#[tokio::test]
async fn a_warning_withholds_nothing_and_an_archived_project_is_not_served() {
    let door = Door::open().await;
    let good = good().await;
    door.register("good", &good, |_| ()).await;
    door.gateway.set_standing("lab", Standing::Warned, None).await.unwrap();
    assert_eq!(door.ask(&question()).await.status, 200);
    let organization = door.organization.id;
    let put = |change| put_project(&door.gateway, organization, "p", change);
    let project = put(ProjectChange::default()).await.unwrap();
    let key = door
        .issue(&door.organization, |new| new.project = Some(project.id))
        .await;
    assert_eq!(door.ask_with(&key, &question()).await.status, 200);
    put(ProjectChange {
        archived: true,
        ..ProjectChange::default()
    })
    .await
    .unwrap();
    let refused = door.ask_with(&key, &question()).await;
    assert_eq!(
        refused.error(),
        (403, "request_forbidden".to_owned(), "account_suspended".to_owned())
    );
    assert_eq!(door.ask(&question()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_takes_effect_under_load() {
    let door = Door::open().await;
    let good = good().await;
    door.register("good", &good, |_| ()).await;
    let body = question();
    let callers = futures_util::future::join_all((0..50).map(|_| async {
        let mut answered = 0;
        while door.ask(&body).await.status == 200 {
            answered += 1;
        }
        answered
    }));
    let suspension = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        door.gateway
            .set_standing("lab", Standing::Suspended, None)
            .await
            .unwrap();
        (began.elapsed(), good.calls().len())
    };
    let (answered, (after, asked)) = soon(futures_util::future::join(callers, suspension)).await;
    eprintln!("in effect after {after:?}, {} answers", answered.iter().sum::<usize>());
    assert!(after < Duration::from_secs(1), "{after:?}");
    // Only what was on its way already is still asked.
    assert!(
        good.calls().len() <= asked + 50,
        "{} asked, then {}",
        asked,
        good.calls().len()
    );
}
