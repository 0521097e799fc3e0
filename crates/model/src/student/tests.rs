//! The student against the training pass, and its files.

use std::ops::ControlFlow;

use cultivar_record::chat::Role;

use super::*;
use crate::lane::{Lane, Rows};
use crate::{Finish, GenerateOptions};

fn student() -> Student {
    let texts = ["one chai latte please", "of course, anything else?", "thé 🍵 no thanks"];
    let tokenizer = Tokenizer::train(texts.iter().cycle().take(20), 300).unwrap();
    let config = DecoderConfig {
        width: 32,
        layers: 3,
        heads: 4,
        kv_heads: 2,
        hidden: 48,
        context: 64,
        ..DecoderConfig::of_size(crate::Size::Tiny, tokenizer.vocab())
    };
    Student::untrained(config, tokenizer, Seed::new(9)).unwrap()
}

fn messages() -> Vec<Message> {
    vec![
        Message::text(Role::User, "one chai latte please"),
        Message::text(Role::Assistant, "of course, anything else?"),
        Message::text(Role::User, "no thanks"),
    ]
}

#[test]
fn reading_token_by_token_equals_reading_at_once_and_the_training_pass() {
    let student = student();
    let tokens = Transcript::render(&student.tokenizer, &messages()).unwrap().tokens;
    let mut at_once = Session::new(&student.decoder, &student.weights);
    let normed = at_once.read(&tokens);
    let logits = at_once.logits(&normed);
    let mut one_by_one = Session::new(&student.decoder, &student.weights);
    let vocab = student.decoder.config.vocab;
    for (token, expected) in tokens.iter().zip(logits.chunks_exact(vocab)) {
        let found = one_by_one.next(&[*token]);
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4));
    }
    let mut rows = Rows::default();
    rows.push(&tokens[..tokens.len() - 1], &tokens[1..]);
    let nats = Lane::default().evaluate(&student.decoder, &student.weights, &rows);
    let bits = student.bits(&tokens);
    assert!(
        bits[1..]
            .iter()
            .zip(&nats)
            .all(|(bits, nats)| (bits * std::f64::consts::LN_2 - nats).abs() < 1e-4)
    );
    assert!(bits[0].abs() < f64::EPSILON);
}

#[test]
fn a_student_survives_its_files_and_foreign_files_are_refused() {
    let student = student();
    let (weights, config) = (student.weights().unwrap(), student.config());
    let tokenizer = student.tokenizer().to_json().unwrap();
    let back = Student::from_bytes(&weights, &config, &tokenizer).unwrap();
    assert_eq!(back.weights, student.weights);
    assert_eq!(back.score(&messages()).unwrap(), student.score(&messages()).unwrap());
    assert!(matches!(
        Student::from_bytes(&weights[..999], &config, &tokenizer),
        Err(ModelError::Weights { .. })
    ));
    assert!(matches!(
        Student::from_bytes(&weights, b"{}", &tokenizer),
        Err(ModelError::Config { .. })
    ));
    assert!(matches!(
        Student::from_bytes(&weights, &config, b"{}"),
        Err(ModelError::Tokenizer { .. })
    ));
    let larger = Tokenizer::train(["abcabcabdabd abcd"; 9].iter(), 265)
        .unwrap()
        .to_json()
        .unwrap();
    assert!(
        Student::from_bytes(&weights, &config, &larger).is_ok(),
        "fewer tokens than rows are fine"
    );
}

#[test]
fn the_same_seed_gives_the_same_answer_and_the_callback_gets_all_of_it() {
    let student = student();
    let options = GenerateOptions {
        temperature: 1.5,
        top_p: 1.0,
        max_tokens: 20,
        seed: Seed::new(3),
        ..GenerateOptions::default()
    };
    let mut heard = String::new();
    let answer = student
        .generate(&messages(), &options, &mut |piece| {
            heard.push_str(piece);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(heard, answer.text);
    let again = student
        .generate(&messages(), &options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(again, answer);
    let cancelled = student
        .generate(&messages(), &options, &mut |_| ControlFlow::Break(()))
        .unwrap();
    assert_eq!(cancelled.finish, Finish::Cancelled);
    assert!(cancelled.completion_tokens < 20);
}

#[test]
fn long_conversations_are_cut_to_the_context_and_still_scored_turn_by_turn() {
    let student = student();
    let long: Vec<Message> = (0..12).flat_map(|_| messages()).collect();
    let options = GenerateOptions {
        max_tokens: 1000,
        temperature: 3.0,
        ..GenerateOptions::default()
    };
    let answer = student
        .generate(&long, &options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert!(answer.prompt_tokens <= 32, "{answer:?}");
    assert!(answer.prompt_tokens + answer.completion_tokens <= 65);
    let scores = student.score(&long).unwrap();
    assert_eq!(scores.len(), long.len());
    assert!(scores.iter().all(|score| score.bits > 0.0 && score.bits.is_finite()));
    let endless = [Message::text(Role::User, "latte ".repeat(200))];
    assert!(student.score(&endless).unwrap()[0].bits > 100.0);
    student
        .generate(&endless, &options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    let nothing = student
        .generate(&[], &options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(nothing.prompt_tokens, 1);
}
