//! Nanoseconds per attempt on the path of a request: `cargo bench -p cultivar-telemetry --bench observe`.

#![expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints its figures, and stops where something is wrong"
)]

#[path = "../tests/it/sample.rs"]
mod sample;

use std::{error::Error, hint::black_box, sync::Arc, time::Instant};

use cultivar_gateway::Observer;
use cultivar_telemetry::{Settings, Telemetry};

use sample::{answered, at, intent};

const ROUNDS: u32 = 200_000;
/// Fewer than wait at most: beyond it, only what is dropped would be measured.
const QUEUED: u32 = 8_000;

fn main() -> Result<(), Box<dyn Error>> {
    let counting = Telemetry::new(Settings::default(), "bench", at(0))?;
    println!("counted: {:.0} ns per attempt", measure(&counting, 1, ROUNDS));
    println!(
        "counted by 2 threads: {:.0} ns per attempt",
        measure(&counting, 2, ROUNDS)
    );
    let tracing = || {
        let settings = Settings {
            otlp_endpoint: Some("http://127.0.0.1:4318".to_owned()),
            ..Settings::default()
        };
        Telemetry::new(settings, "bench", at(0))
    };
    println!(
        "counted, span queued: {:.0} ns per attempt",
        measure(&tracing()?, 1, QUEUED)
    );
    let full = tracing()?;
    measure(&full, 1, 2 * QUEUED);
    println!("counted, span dropped: {:.0} ns per attempt", measure(&full, 1, ROUNDS));
    Ok(())
}

fn measure(telemetry: &Arc<Telemetry>, threads: u32, rounds: u32) -> f64 {
    let intents = ["a", "b", "c", "d"].map(|name| intent(name, "US", 1));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for intent in intents.iter().cycle().take(usize::try_from(rounds).unwrap_or(0)) {
                    telemetry.ended(black_box(&answered(intent)));
                }
            });
        }
    });
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(rounds)
}
