//! Megabytes of text per second and core: `cargo bench -p cultivar-privacy --bench scan`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{error::Error, hint::black_box, time::Instant};

use cultivar_privacy::Desensitiser;

const ORDER: &str = "Hi, can I get two 16 oz iced lattes with oat milk for 7:30, please? That will be $12.50. ";
const CONTACT: &str = "Write to ann@site.com, call (415) 867-5309 or pay with 5213 5917 2758 6604 from 58.74.121.78. ";
const ROUNDS: u32 = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let desensitiser = Desensitiser::new([7; 32]);
    for (name, text) in [("orders", ORDER.repeat(10_000)), ("contacts", CONTACT.repeat(10_000))] {
        let megabytes = f64::from(u32::try_from(text.len())?) / 1e6;
        let (mut scan, mut whole) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            black_box(desensitiser.scan(black_box(&text)));
            scan = scan.min(begin.elapsed().as_secs_f64());
            let begin = Instant::now();
            black_box(desensitiser.desensitise(black_box(&text))?);
            whole = whole.min(begin.elapsed().as_secs_f64());
        }
        println!(
            "{name}: scan {:.0} MB/s, desensitise {:.0} MB/s",
            megabytes / scan,
            megabytes / whole
        );
    }
    Ok(())
}
