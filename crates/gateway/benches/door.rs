//! What the door adds to a call, on one thread: permission, limits, the record, and the bytes both ways. The difference of the two
//! figures is the door's; run it before and after a change: `cargo bench -p cultivar-gateway --bench door`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops where something is wrong"
)]

#[path = "../tests/it/world.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod world;

use bytes::Bytes;
use cultivar_gateway::{
    Call, Caller, ForwardedBody,
    providers::http::{self, HttpClient},
};
use cultivar_record::{Endpoint, Purpose};
use cultivar_testkit::{Script, ScriptedProvider};
use divan::Bencher;
use http_body_util::Full;
use hyper::{Method, Request};
use tokio::runtime::{Builder, Runtime};
use world::World;

const REQUEST: &str = r#"{"model":"lecturer","messages":[{"role":"user","content":"why is the sky blue?"}]}"#;
const ANSWER: &[&str] = &["because ", "of ", "Rayleigh"];

/// A door with one caller before it and one provider behind it.
struct Stage {
    runtime: Runtime,
    world: World,
    provider: ScriptedProvider,
    caller: Caller,
}

impl Stage {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (world, provider, caller) = runtime.block_on(async {
            let (world, provider) = World::with_provider(Script::Says(ANSWER)).await;
            let caller = world.caller(Purpose::Serve).await;
            (world, provider, caller)
        });
        Self {
            runtime,
            world,
            provider,
            caller,
        }
    }
}

fn main() {
    divan::main();
}

#[divan::bench]
fn asking_the_provider(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let client = HttpClient::default();
    let url = format!("{}/chat/completions", stage.provider.base_url());
    bencher.bench_local(|| {
        stage.runtime.block_on(async {
            let mut request = Request::new(Full::new(Bytes::from_static(REQUEST.as_bytes())));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = url.parse().unwrap();
            let response = client.send("scripted", request).await.unwrap();
            http::read("scripted", response.into_body()).await.unwrap()
        })
    });
}

#[divan::bench]
fn through_the_door(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    bencher.bench_local(|| {
        stage.runtime.block_on(async {
            let call = Call::alone(Endpoint::ChatCompletions, Bytes::from_static(REQUEST.as_bytes()));
            let forwarded = stage.world.gateway.forward(&stage.caller, &call).await.unwrap();
            match forwarded.body {
                ForwardedBody::Whole(body) => body,
                ForwardedBody::Stream(_) => panic!("no stream was asked for"),
            }
        })
    });
}
