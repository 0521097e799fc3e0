//! Seconds to group many short dialogues: `cargo bench -p cultivar-forensics --bench sketch`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{hint::black_box, time::Instant};

use cultivar_forensics::near_duplicates;
use cultivar_record::Seed;

const WORDS: [&str; 24] = [
    "can", "I", "get", "a", "large", "small", "iced", "hot", "latte", "mocha", "tea", "with", "oat", "milk", "two",
    "pumps", "of", "vanilla", "please", "for", "here", "to", "go", "thanks",
];

fn main() {
    for count in [2_200, 100_000] {
        let texts: Vec<String> = (0..count).map(dialogue).collect();
        let begin = Instant::now();
        let groups = near_duplicates(black_box(&texts), 0.8, Seed::new(7));
        let seconds = begin.elapsed().as_secs_f64();
        let kept = groups.kept().into_iter().filter(|kept| *kept).count();
        println!("{count} dialogues of 60 words: {seconds:.2} s, {kept} kept");
    }
}

/// Sixty words; every tenth dialogue is the one before it with another last word.
fn dialogue(number: u64) -> String {
    let start = if number % 10 == 9 { number - 1 } else { number };
    let mut state = start.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut text = String::new();
    for _ in 0..60 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = usize::try_from(state >> 33).unwrap_or_default() % WORDS.len();
        text.push_str(WORDS.get(word).copied().unwrap_or_default());
        text.push(' ');
    }
    text + &number.to_string()
}
