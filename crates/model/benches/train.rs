//! Trains a student for a given time and says how fast and how well, beside the n-gram baseline.
//!
//! `cargo bench -p cultivar-model --bench train -- FILE.jsonl --seconds 150 --every 20`
//!
//! Each line of the file is a conversation: `{"messages": [{"role": "user", "content": "…"}, …]}`. Every n-th is held out.
//! Options: `--tokens N` ends after N tokens instead (comparable whatever else the machine does), `--vocab N`,
//! `--config JSON` (width, layers, heads, hidden, context), `--settings JSON` (see `TrainSettings`), `--seed N`,
//! `--ask TEXT` (prints an answer; may be repeated).

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measuring program reads its arguments, the clock and a file, and prints"
)]

use std::ops::ControlFlow;
use std::time::Instant;

use cultivar_model::{
    DEFAULT_ORDER, DecoderConfig, GenerateOptions, LanguageModel, NgramBaseline, Size, Tokenizer, TrainSettings,
    Trainer,
};
use cultivar_record::Seed;
use cultivar_record::chat::{Message, Role};
use serde_json::Value;

struct Options {
    file: String,
    seconds: f64,
    tokens: Option<u64>,
    every: usize,
    vocab: usize,
    config: Value,
    settings: TrainSettings,
    seed: u64,
    ask: Vec<String>,
}

fn options() -> Options {
    let mut options = Options {
        file: String::new(),
        seconds: 150.0,
        tokens: None,
        every: 20,
        vocab: 2048,
        config: Value::Null,
        settings: TrainSettings::default(),
        seed: 1,
        ask: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("an option needs a value");
        match argument.as_str() {
            "--seconds" => options.seconds = value().parse().expect("--seconds: a number"),
            "--tokens" => options.tokens = Some(value().parse().expect("--tokens: a number")),
            "--every" => options.every = value().parse().expect("--every: a number"),
            "--vocab" => options.vocab = value().parse().expect("--vocab: a number"),
            "--seed" => options.seed = value().parse().expect("--seed: a number"),
            "--config" => options.config = serde_json::from_str(&value()).expect("--config: JSON"),
            "--settings" => options.settings = serde_json::from_str(&value()).expect("--settings: JSON"),
            "--ask" => options.ask.push(value()),
            file => file.clone_into(&mut options.file),
        }
    }
    options
}

/// A list of conversations.
type Conversations = Vec<Vec<Message>>;

fn read(path: &str, every: usize) -> (Conversations, Conversations) {
    let text = std::fs::read_to_string(path).expect("the file of conversations");
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (i, line) in text.lines().enumerate() {
        let mut value: Value = serde_json::from_str(line).expect("a line is JSON");
        let messages = serde_json::from_value(value.get_mut("messages").map(Value::take).unwrap_or_default())
            .expect("a line has messages");
        if i.is_multiple_of(every) {
            &mut held_out
        } else {
            &mut train
        }
        .push(messages);
    }
    (train, held_out)
}

fn config(options: &Options, vocab: usize) -> DecoderConfig {
    let mut config = DecoderConfig::of_size(Size::default(), vocab);
    let dials = [
        ("width", &mut config.width),
        ("layers", &mut config.layers),
        ("heads", &mut config.heads),
        ("kv_heads", &mut config.kv_heads),
        ("hidden", &mut config.hidden),
        ("context", &mut config.context),
    ];
    for (name, dial) in dials {
        if let Some(size) = options.config.get(name).and_then(Value::as_u64) {
            *dial = usize::try_from(size).expect("a size");
        }
    }
    config
}

/// CPU seconds of this process so far, where the system tells.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Bits per byte of held-out text under the n-gram baseline, role tokens free.
fn ngram(train: &Conversations, held_out: &Conversations, tokenizer: &Tokenizer, order: usize) -> f64 {
    let model = NgramBaseline::train(train, tokenizer.clone(), order).expect("a baseline");
    bits_per_byte(&model, held_out)
}

/// Bits per byte of what is said in held-out conversations, with the ends of turns, without the role tokens.
fn bits_per_byte(model: &dyn LanguageModel, held_out: &Conversations) -> f64 {
    let scores = held_out
        .iter()
        .flat_map(|messages| model.score(messages).expect("scores"));
    let (bits, bytes) = scores.fold((0.0, 0), |(bits, bytes), score| {
        (bits + score.bits, bytes + score.bytes)
    });
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let ratio = bits / bytes as f64;
    ratio
}

fn main() {
    let options = options();
    if options.file.is_empty() {
        println!("usage: cargo bench -p cultivar-model --bench train -- FILE.jsonl [--seconds N] [--every N]");
        return;
    }
    let (train, held_out) = read(&options.file, options.every);
    let started = Instant::now();
    let texts: Vec<String> = train.iter().flatten().map(Message::plain_text).collect();
    let tokenizer = Tokenizer::train(texts.iter(), options.vocab).expect("a tokenizer");
    println!(
        "tokenizer: {} tokens, {:.2} s",
        tokenizer.vocab(),
        started.elapsed().as_secs_f64()
    );

    for order in [3, DEFAULT_ORDER - 1, DEFAULT_ORDER, DEFAULT_ORDER + 1] {
        println!(
            "n-gram of order {order}: {:.4} bits per byte of what is said",
            ngram(&train, &held_out, &tokenizer, order)
        );
    }

    let (config, settings) = (config(&options, tokenizer.vocab()), options.settings.clone());
    println!("{config:?}\n{settings:?}");
    let seed = Seed::new(options.seed);
    let mut trainer = Trainer::new(&train, &held_out, tokenizer, config, settings, seed).expect("a trainer");
    let per_epoch = trainer.tokens_per_epoch();
    println!(
        "parameters: {}, tokens per epoch: {per_epoch}",
        trainer.student().parameters()
    );

    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut next_report = 0.1;
    let mut validating = 0.0;
    loop {
        let seconds = started.elapsed().as_secs_f64() - validating;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let progress = match options.tokens {
            Some(tokens) => trainer.tokens() as f64 / tokens as f64,
            None => seconds / options.seconds,
        };
        let done = progress >= 1.0;
        if done || progress >= next_report {
            next_report += 0.1;
            let before = Instant::now();
            let bits = trainer.validation_bits_per_byte().unwrap_or(f64::NAN);
            validating += before.elapsed().as_secs_f64();
            let (steps, tokens) = (trainer.steps(), trainer.tokens());
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            let (wall, busy) = (tokens as f64 / seconds, tokens as f64 / (cpu_seconds() - cpu));
            println!(
                "{seconds:6.1} s  step {steps:5}  {tokens:8} tokens  {wall:7.0} /s  {busy:7.0} /cpu-s  {bits:.4} bits per byte"
            );
        }
        if done {
            break;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a share")]
        trainer.step(progress as f32).expect("a step");
    }
    let student = trainer.student();
    println!(
        "student: {:.4} bits per byte of what is said",
        bits_per_byte(&student, &held_out)
    );
    for question in &options.ask {
        let answer = student.generate(
            &[Message::text(Role::User, question.as_str())],
            &GenerateOptions::default(),
            &mut |_| ControlFlow::Continue(()),
        );
        println!("{question}\n    {}", answer.expect("an answer").text);
    }
}
