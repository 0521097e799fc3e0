//! Training as a whole: it learns, it can be resumed bit for bit, and it refuses what cannot work.

use std::ops::ControlFlow;

use cultivar_record::chat::Role;

use super::*;
use crate::{GenerateOptions, LanguageModel, LearnFrom};

fn conversations() -> Vec<Vec<Message>> {
    let drinks = ["latte", "mocha", "chai tea", "espresso", "iced coffee", "flat white"];
    let orders = drinks.iter().map(|drink| {
        vec![
            Message::text(Role::User, format!("one {drink} please")),
            Message::text(Role::Assistant, format!("your {drink} will be ready soon")),
        ]
    });
    orders.collect()
}

fn tokenizer() -> Tokenizer {
    let texts: Vec<String> = conversations().iter().flatten().map(Message::plain_text).collect();
    Tokenizer::train(texts.iter(), 320).unwrap()
}

fn config(tokenizer: &Tokenizer) -> DecoderConfig {
    DecoderConfig {
        width: 32,
        layers: 2,
        heads: 2,
        kv_heads: 2,
        hidden: 64,
        context: 48,
        ..DecoderConfig::of_size(crate::Size::Tiny, tokenizer.vocab())
    }
}

fn settings() -> TrainSettings {
    TrainSettings {
        batch_tokens: 64,
        lanes: 2,
        dropout: 0.05,
        ..TrainSettings::default()
    }
}

fn trainer(settings: TrainSettings) -> Trainer {
    let (data, tokenizer) = (conversations(), tokenizer());
    let config = config(&tokenizer);
    Trainer::new(&data, &data[..2], tokenizer, config, settings, Seed::new(5)).unwrap()
}

#[test]
fn a_few_conversations_are_learned_by_heart() {
    let mut trainer = trainer(settings());
    let before = trainer.validation_bits_per_byte().unwrap();
    let first = trainer.step(0.0).unwrap();
    let mut last = first;
    for step in 1..250_u16 {
        last = trainer.step(f32::from(step) / 250.0).unwrap();
    }
    assert!(first.loss > 4.0 && last.loss < 0.5, "{first:?} {last:?}");
    assert!(trainer.validation_bits_per_byte().unwrap() < before / 5.0);
    let greedy = GenerateOptions {
        temperature: 0.0,
        ..GenerateOptions::default()
    };
    let question = [Message::text(Role::User, "one mocha please")];
    let answer = trainer
        .student()
        .generate(&question, &greedy, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(answer.text, "your mocha will be ready soon");
}

#[test]
fn a_resumed_run_goes_on_bit_for_bit() {
    let mut whole = trainer(settings());
    for step in 0..7_u8 {
        whole.step(f32::from(step) / 20.0).unwrap();
    }
    let checkpoint = whole.checkpoint().unwrap();
    assert_eq!(checkpoint, whole.checkpoint().unwrap());
    let (data, tokenizer) = (conversations(), tokenizer());
    let config = config(&tokenizer);
    let mut resumed = Trainer::resume(&data, &data[..2], tokenizer, config, settings(), &checkpoint).unwrap();
    for step in 7..20_u8 {
        let (a, b) = (
            whole.step(f32::from(step) / 20.0).unwrap(),
            resumed.step(f32::from(step) / 20.0).unwrap(),
        );
        assert_eq!(a, b);
    }
    assert_eq!(whole.checkpoint().unwrap(), resumed.checkpoint().unwrap());
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = trainer(settings());
            for _ in 0..4 {
                trainer.step(0.5).unwrap();
            }
            trainer.checkpoint().unwrap()
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let mut run = trainer(settings());
    run.step(0.5).unwrap();
    let good = run.checkpoint().unwrap();
    let resume = |checkpoint: &CheckpointBytes, settings: TrainSettings, hidden: usize| {
        let (data, tokenizer) = (conversations(), tokenizer());
        let config = DecoderConfig {
            hidden,
            ..config(&tokenizer)
        };
        Trainer::resume(&data, &[], tokenizer, config, settings, checkpoint).err()
    };
    assert_eq!(resume(&good, settings(), 64), None);
    assert!(matches!(
        resume(&good, settings(), 66),
        Some(ModelError::Weights { .. })
    ));
    let mut cut = good.clone();
    cut.optimizer.truncate(1000);
    assert!(matches!(
        resume(&cut, settings(), 64),
        Some(ModelError::Checkpoint { .. })
    ));
    let mut swapped = good.clone();
    swapped.optimizer.clone_from(&good.weights);
    assert!(matches!(
        resume(&swapped, settings(), 64),
        Some(ModelError::Checkpoint { .. })
    ));
    let mut other_step = good;
    other_step.step = 2;
    assert!(matches!(
        resume(&other_step, settings(), 64),
        Some(ModelError::Checkpoint { .. })
    ));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_leaves_the_weights() {
    let mut run = trainer(settings());
    run.step(0.5).unwrap();
    let before = run.checkpoint().unwrap();
    run.weights[3] = f32::INFINITY;
    let damaged = run.weights.clone();
    assert_eq!(run.step(0.5), Err(ModelError::Diverged { step: 2 }));
    assert_eq!(run.weights, damaged);
    assert_eq!(run.steps(), before.step);
}

#[test]
fn only_assistant_turns_count_where_only_they_are_learned() {
    let mut all = trainer(settings());
    let mut assistant = trainer(TrainSettings {
        learn_from: LearnFrom::AssistantTurns,
        ..settings()
    });
    assert_eq!(
        all.train.bytes(),
        conversations()
            .iter()
            .flatten()
            .map(|m| m.plain_text().len() as u64)
            .sum::<u64>()
    );
    let said: usize = conversations()
        .iter()
        .map(|messages| messages[1].plain_text().len())
        .sum();
    assert_eq!(assistant.train.bytes(), said as u64);
    let (tokens, all_targets) = all.deal();
    let (_, assistant_targets) = assistant.deal();
    assert_eq!(tokens, all_targets, "the last token of a row is no input");
    assert!(assistant_targets * 3 < all_targets * 2 && assistant_targets > 0);
}

#[test]
fn nothing_to_learn_is_an_error() {
    let tokenizer = tokenizer();
    let config = config(&tokenizer);
    for data in [vec![], vec![vec![]], vec![vec![Message::text(Role::Assistant, "")]]] {
        let run = Trainer::new(&data, &[], tokenizer.clone(), config.clone(), settings(), Seed::new(1));
        assert!(matches!(run, Err(ModelError::NoData)));
    }
}
