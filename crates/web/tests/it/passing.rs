//! Every recorded stream, cut anywhere, as it leaves the door: the provider's bytes, and what the record says of them.

use std::{
    fs,
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use cultivar_record::{Exchange, ExchangeOutcome, TokenCount, Usage};
use cultivar_testkit::{RawProvider, Step};
use proptest::prelude::*;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::door::{Door, MODEL, piece, provider, streaming};

/// Name and bytes of every recorded stream, by name.
static STREAMS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dialect/tests/fixtures/streams");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let streams = paths.filter(|path| path.extension().is_some_and(|extension| extension == "sse"));
    let mut streams: Vec<_> = streams
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    streams.sort();
    assert!(streams.len() >= 25, "{}", streams.len());
    streams
});

/// An event, read in the plainest way: by a reader that shares nothing with the door's.
struct Event {
    raw: Vec<u8>,
    data: Option<String>,
}

fn events(stream: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(stream).unwrap();
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let end = at + if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        lines.push((&rest[..at], &rest[..end]));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        lines.push((rest, rest));
        lines.push(("", "\n\n"));
    } else if lines.last().is_some_and(|(line, _)| !line.is_empty()) {
        lines.push(("", "\n"));
    }
    let mut events = Vec::new();
    let (mut raw, mut data) = (String::new(), Vec::new());
    for (line, whole) in lines {
        raw.push_str(whole);
        if let Some(value) = line.trim_start_matches('\u{feff}').strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value));
        }
        if line.is_empty() {
            events.push(Event {
                raw: std::mem::take(&mut raw).into_bytes(),
                data: (!data.is_empty()).then(|| data.join("\n")),
            });
            data.clear();
        }
    }
    events
}

/// What is to come of a stream.
#[derive(Default)]
struct Expected {
    /// What reaches the client before the door itself says anything.
    bytes: Vec<u8>,
    usage: Option<Usage>,
    pieces: u64,
    has_ended: bool,
    is_done: bool,
    has_failed: bool,
}

fn expected(stream: &[u8], wants_usage: bool) -> Expected {
    let mut expected = Expected::default();
    for event in events(stream) {
        let Some(data) = &event.data else {
            expected.bytes.extend(&event.raw);
            continue;
        };
        if data == "[DONE]" {
            // Done alone is no end of an answer: the door says so, and then ends the stream itself.
            expected.is_done = expected.has_ended;
            if expected.is_done {
                expected.bytes.extend(&event.raw);
            }
            break;
        }
        let chunk: Value = serde_json::from_str(data).unwrap();
        if let Some(usage) = chunk["usage"].as_object() {
            let count = |name: &str| TokenCount::new(usage[name].as_u64().unwrap());
            expected.usage = Some(Usage::counted(count("prompt_tokens"), count("completion_tokens")));
        }
        if chunk["error"].is_object() {
            expected.has_failed = true;
            expected.bytes.extend(&event.raw);
            break;
        }
        let choices = chunk["choices"].as_array().unwrap();
        if choices.is_empty() && chunk["usage"].is_object() {
            if wants_usage {
                expected.bytes.extend(&event.raw);
            }
            continue;
        }
        let ends = choices.iter().any(|choice| !choice["finish_reason"].is_null());
        expected.has_ended |= ends;
        expected.pieces += u64::from(!ends);
        if wants_usage {
            expected.bytes.extend(&event.raw);
        } else {
            let raw = String::from_utf8(event.raw.clone()).unwrap();
            expected
                .bytes
                .extend(raw.replace(data, &without_usage(data, &chunk)).bytes());
        }
    }
    expected
}

/// A chunk without its field `usage`, every other byte as it was: found by trying.
fn without_usage(data: &str, chunk: &Value) -> String {
    let mut wanted = chunk.clone();
    if wanted.as_object_mut().unwrap().remove("usage").is_none() {
        return data.to_owned();
    }
    let places: Vec<usize> = data.char_indices().map(|(at, _)| at).chain([data.len()]).collect();
    let ends = |start: usize| places.iter().rev().filter(move |end| **end > start);
    let cuts = places
        .iter()
        .flat_map(|start| ends(*start).map(move |end| (*start, *end)));
    let mut cuts = cuts.filter(|(start, end)| data[*start..*end].contains("\"usage\""));
    let is_it = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|value| value == wanted);
    let found = cuts.find_map(|(start, end)| {
        let text = [&data[..start], &data[end..]].concat();
        is_it(&text).then_some(text)
    });
    found.unwrap()
}

struct Stage {
    runtime: Runtime,
    door: Door,
    steps: Arc<Mutex<Vec<Step>>>,
    _provider: RawProvider,
}

impl Stage {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let steps = Arc::<Mutex<Vec<Step>>>::default();
        let script = Arc::clone(&steps);
        let (door, provider) = runtime.block_on(async {
            let door = Door::open().await;
            let script = move || script.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let provider = provider(script).await;
            door.register("raw", &provider, |_| ()).await;
            (door, provider)
        });
        Self {
            runtime,
            door,
            steps,
            _provider: provider,
        }
    }

    /// What a client gets of a stream that is cut so, and the exchange.
    fn pass(&self, stream: &[u8], cuts: &[usize], wants_usage: bool) -> (Vec<u8>, Exchange) {
        let mut steps = vec![Step::stream_head()];
        let mut rest = stream;
        for cut in cuts {
            let (slice, after) = rest.split_at((*cut).min(rest.len()));
            rest = after;
            if !slice.is_empty() {
                steps.push(Step::chunk(slice));
            }
        }
        if !rest.is_empty() {
            steps.push(Step::chunk(rest));
        }
        steps.push(Step::stream_end());
        *self.steps.lock().unwrap() = steps;
        let mut body = streaming();
        if wants_usage {
            body["stream_options"] = serde_json::json!({ "include_usage": true });
        }
        let answer = self.runtime.block_on(self.door.ask(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let exchange = self.door.exchanges().pop().unwrap();
        assert_eq!(
            answer.header("x-request-id"),
            Some(exchange.intent.id.to_string().as_str())
        );
        (answer.body, exchange)
    }
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| Mutex::new(Stage::new()));

fn check(name: &str, stream: &[u8], cuts: &[usize], wants_usage: bool) {
    let stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let (came, exchange) = stage.pass(stream, cuts, wants_usage);
    let expected = expected(stream, wants_usage);
    let shown = String::from_utf8_lossy(&came);
    let mut bytes = expected.bytes.clone();
    let is_whole = expected.has_ended || expected.is_done || expected.has_failed;
    if is_whole {
        if !expected.is_done {
            bytes.extend(b"data: [DONE]\n\n");
        }
        assert_eq!(shown.trim_end(), String::from_utf8_lossy(&bytes).trim_end(), "{name}");
    } else {
        assert!(came.starts_with(&bytes), "{name}: {shown}");
        let told = String::from_utf8_lossy(&came[bytes.len()..]).into_owned();
        let error = told
            .strip_prefix("data: ")
            .and_then(|told| told.strip_suffix("\n\ndata: [DONE]\n\n"));
        let error: Value = serde_json::from_str(error.unwrap_or_else(|| panic!("{name}: {told}"))).unwrap();
        assert_eq!(error["error"]["code"], "provider_malformed", "{name}");
    }
    let (usage, kept) = match exchange.outcome.as_ref().unwrap() {
        ExchangeOutcome::Answered { usage, .. } if !expected.has_failed && is_whole => {
            (*usage, stage.door.answer_of(&exchange))
        }
        ExchangeOutcome::Partial { usage, .. } if expected.pieces > 0 && (expected.has_failed || !is_whole) => {
            (*usage, stage.door.answer_of(&exchange))
        }
        ExchangeOutcome::Failed { .. } if expected.pieces == 0 && !expected.has_ended => return,
        other => panic!("{name}: {other:?}"),
    };
    // What is kept are the provider's bytes, the usage that the client did not ask for included.
    if expected.has_failed {
        assert!(stream.starts_with(&kept), "{name}");
    } else {
        assert_eq!(kept.trim_ascii_end(), stream.trim_ascii_end(), "{name}");
    }
    if let Some(counted) = expected.usage {
        assert_eq!(usage, counted, "{name}");
    } else {
        assert!(usage.estimated, "{name}: {usage:?}");
        assert_eq!(usage.completion.get(), expected.pieces, "{name}");
    }
}

#[test]
fn every_recorded_stream_passes_whole_and_byte_by_byte() {
    for (name, stream) in STREAMS.iter() {
        check(name, stream, &[], false);
        check(name, stream, &[], true);
        check(name, stream, &vec![1; stream.len()], true);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn it_does_not_matter_where_the_network_cuts_a_stream(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(1_usize..200, 0..60),
        wants_usage: bool,
    ) {
        let (name, stream) = &STREAMS[which.index(STREAMS.len())];
        check(name, stream, &cuts, wants_usage);
    }
}

const END: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"large\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"large\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test]
async fn what_ends_an_answer_is_released_once_its_outcome_is_recorded() {
    let door = Door::open().await;
    let provider = provider(|| {
        vec![
            Step::stream_head(),
            Step::chunk(piece("Rayleigh.").as_bytes()),
            Step::chunk(END.as_bytes()),
            Step::Wait(Duration::from_millis(300)),
            Step::chunk(USAGE.as_bytes()),
            Step::chunk(DONE.as_bytes()),
            Step::stream_end(),
        ]
    })
    .await;
    door.register("raw", &provider, |_| ()).await;
    let mut open = door.begin(&streaming()).await;
    open.until("Rayleigh.").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(150), open.next()).await;
    assert!(early.is_err(), "the end came before the usage did: {early:?}");
    let end = open.until("finish_reason").await.unwrap();
    let exchange = door.exchanges().pop().unwrap();
    assert!(
        matches!(&exchange.outcome, Some(ExchangeOutcome::Answered { usage, .. }) if usage.completion.get() == 1),
        "{:?} when {} came",
        exchange.outcome,
        String::from_utf8_lossy(&end)
    );
}

#[tokio::test]
async fn a_provider_that_says_done_and_stays_on_the_line_keeps_nobody_waiting() {
    let door = Door::open().await;
    let provider = provider(|| {
        let all = [&piece("Rayleigh."), END, USAGE, DONE].concat();
        vec![Step::stream_head(), Step::chunk(all.as_bytes()), Step::Hang]
    })
    .await;
    door.register("raw", &provider, |_| ()).await;
    let body = streaming();
    let answer = tokio::time::timeout(Duration::from_millis(700), door.ask(&body));
    let answer = answer.await.expect("the end is the end");
    assert!(answer.text().ends_with(DONE), "{}", answer.text());
    // The provider is not waited for for ever.
    provider.until_hung_up(1).await;
    assert_eq!(door.outcomes(), [("raw".to_owned(), "answered".to_owned())]);
}

#[tokio::test]
async fn nothing_follows_what_broke_a_stream() {
    let door = Door::open().await;
    let provider = provider(|| {
        let all = [&piece("Rayl"), "data: <html>\n\n", &piece("eigh."), END, USAGE, DONE].concat();
        vec![Step::stream_head(), Step::chunk(all.as_bytes()), Step::stream_end()]
    })
    .await;
    door.register("raw", &provider, |_| ()).await;
    let text = door.ask(&streaming()).await.text();
    let (begun, told) = text.split_once("\n\n").unwrap();
    assert!(begun.contains("Rayl"), "{text}");
    assert!(told.contains("provider_malformed") && !told.contains("eigh"), "{text}");
    assert_eq!(text.matches(DONE).count(), 1, "{text}");
    assert_eq!(door.outcomes(), [("raw".to_owned(), "partial".to_owned())]);
}

#[tokio::test]
async fn the_provider_is_asked_for_the_usage_and_its_connection_is_used_again() {
    let door = Door::open().await;
    let provider = provider(|| {
        let all = [&piece("Rayleigh."), END, USAGE, DONE].concat();
        vec![Step::stream_head(), Step::chunk(all.as_bytes()), Step::stream_end()]
    })
    .await;
    door.register("raw", &provider, |_| ()).await;
    for _ in 0..5 {
        let text = door.ask(&streaming()).await.text();
        assert!(!text.contains("\"usage\":{"), "{text}");
    }
    for call in provider.calls() {
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body["stream_options"]["include_usage"], true, "{body}");
        assert_eq!(body["model"], "large");
    }
    assert!(provider.connections() <= 2, "{} connections", provider.connections());
    assert_eq!(door.exchanges().len(), 5);
    assert_eq!(MODEL, door.exchanges()[0].intent.model);
}
