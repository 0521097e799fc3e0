//! A model of our own stops as soon as nobody listens.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use cultivar_gateway::providers::{ProviderCall, ReplyBody, local::ask};
use cultivar_own::{
    LocalFailure, LocalInfo, LocalLikely, LocalModel, LocalOptions, LocalScore, LocalToken, LocalWritten, SpecialNames,
};
use cultivar_record::{Ambient, Endpoint, ExchangeId, chat::Message};
use cultivar_testkit::CountingAmbient;
use futures_util::StreamExt;

/// Writes the same character for ever, slowly, until somebody stops it.
#[derive(Default)]
struct Endless {
    written: AtomicU64,
    texts: AtomicU64,
    ended: AtomicBool,
}

const PACE: Duration = Duration::from_millis(2);

impl LocalModel for Endless {
    fn score(&self, _: &[Message]) -> Result<Vec<LocalScore>, String> {
        Err("not asked here".to_owned())
    }

    fn info(&self) -> Result<LocalInfo, LocalFailure> {
        Ok(LocalInfo {
            vocab: 256,
            ..LocalInfo::default()
        })
    }

    fn tokenize(&self, text: &str, _: SpecialNames) -> Result<Vec<u32>, LocalFailure> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn write(
        &self,
        prompt: &[u32],
        options: &LocalOptions,
        on_token: &mut dyn FnMut(LocalToken) -> ControlFlow<()>,
    ) -> Result<LocalWritten, LocalFailure> {
        self.texts.fetch_add(1, SeqCst);
        // What may be the beginning of a stop string is held back: nothing is given out, so nothing fails to be sent.
        let text = if options.stop.is_empty() { "a" } else { "" };
        for place in prompt.len().. {
            std::thread::sleep(PACE);
            self.written.fetch_add(1, SeqCst);
            let token = LocalToken {
                id: 97,
                itself: LocalLikely {
                    bytes: b"a".to_vec(),
                    logprob: None,
                },
                is_special: false,
                top: Vec::new(),
                offset: place,
                end: place + 1,
                text: text.to_owned(),
            };
            if on_token(token).is_break() {
                break;
            }
        }
        self.ended.store(true, SeqCst);
        Err(LocalFailure::Failed("nobody listened".to_owned()))
    }
}

impl Endless {
    /// How many tokens were written after it should have ended.
    async fn tokens_after(&self, before: u64) -> u64 {
        for _ in 0..1_000 {
            if self.ended.load(SeqCst) {
                break;
            }
            tokio::time::sleep(PACE).await;
        }
        assert!(self.ended.load(SeqCst), "it still writes");
        self.written.load(SeqCst) - before
    }
}

fn call(body: &'static str, stream: bool) -> ProviderCall {
    let ambient = CountingAmbient::default();
    ProviderCall {
        exchange: ExchangeId::new(&ambient),
        at: ambient.now(),
        endpoint: Endpoint::Completions,
        body: Bytes::from_static(body.as_bytes()),
        model: "endless".to_owned(),
        stream,
    }
}

#[tokio::test]
async fn dropping_a_stream_ends_the_text_within_a_token() {
    for body in [r#"{"prompt":["a","b"],"n":3}"#, r#"{"prompt":["a","b"],"stop":"aaa"}"#] {
        let model = Arc::new(Endless::default());
        let reply = ask(Arc::clone(&model) as Arc<dyn LocalModel>, call(body, true))
            .await
            .unwrap();
        let ReplyBody::Events(mut events) = reply.body else {
            panic!("a stream was asked for")
        };
        if body.contains("stop") {
            while model.written.load(SeqCst) < 5 {
                tokio::time::sleep(PACE).await;
            }
        } else {
            for _ in 0..5 {
                let event = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
                assert!(event.contains(r#""text":"a""#), "{event}");
            }
        }
        let before = model.written.load(SeqCst);
        drop(events);
        let after = model.tokens_after(before).await;
        assert!(after <= 2, "one that was under way and one that found nobody: {after}");
        assert_eq!(model.texts.load(SeqCst), 1, "no further choice is begun");
    }
}

#[tokio::test]
async fn dropping_the_question_ends_the_text_within_a_token() {
    let model = Arc::new(Endless::default());
    let asking = ask(
        Arc::clone(&model) as Arc<dyn LocalModel>,
        call(r#"{"prompt":"a"}"#, false),
    );
    assert!(tokio::time::timeout(50 * PACE, asking).await.is_err());
    let before = model.written.load(SeqCst);
    assert!(model.tokens_after(before).await <= 2);
}
