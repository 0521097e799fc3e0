//! The loop with a model that says what it is told to, and with real ones.

use cultivar_record::Seed;
use cultivar_record::chat::{Message, Role};
use proptest::prelude::*;

use super::*;
use crate::{DecoderConfig, LanguageModel, NgramBaseline, Size, Student, Transcript};

/// Says its tokens one after the other, whatever it reads.
struct Parrot {
    tokens: std::vec::IntoIter<u32>,
    vocab: usize,
}

impl Reading for Parrot {
    fn room(&self) -> usize {
        usize::MAX
    }

    fn next(&mut self, _tokens: &[u32]) -> Vec<f32> {
        let mut row = vec![-20.0; self.vocab];
        if let Some(likeliest) = self.tokens.next().and_then(|token| row.get_mut(token as usize)) {
            *likeliest = -0.5;
        }
        row
    }

    fn each(&mut self, tokens: &[u32]) -> Vec<Vec<f32>> {
        tokens.iter().map(|token| self.next(&[*token])).collect()
    }
}

fn texts() -> [&'static str; 4] {
    [
        "one chai latte please",
        "thé glacé 🍵 now",
        "no thanks",
        "of course, anything else?",
    ]
}

fn tokenizer() -> Tokenizer {
    Tokenizer::train(texts().iter().cycle().take(40), 320).unwrap()
}

fn greedy() -> GenerateOptions {
    GenerateOptions {
        temperature: 0.0,
        max_tokens: 400,
        ..GenerateOptions::default()
    }
}

/// What is written where the model says `text` after `prompt`: the pieces, the tokens, the end.
fn say(prompt: &str, text: &str, stop: &[&str]) -> (Vec<String>, Vec<WrittenToken>, Written) {
    let tokenizer = tokenizer();
    let mut tokens = tokenizer.encode(text).unwrap();
    tokens.push(tokenizer.end());
    let mut parrot = Parrot {
        tokens: tokens.into_iter(),
        vocab: tokenizer.vocab(),
    };
    let options = WriteOptions {
        draw: greedy(),
        stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
        weigh: Some(1),
        told: Told::Answer,
    };
    let mut told = Vec::new();
    let prompt = tokenizer.encode(prompt).unwrap();
    let written = write(&tokenizer, &mut parrot, &prompt, &options, &mut |token| {
        told.push(token);
        ControlFlow::Continue(())
    });
    let mut pieces: Vec<String> = told.iter().map(|token| token.text.clone()).collect();
    pieces.push(written.rest.clone());
    (pieces, told, written)
}

#[test]
fn an_answer_ends_before_its_stop_string_wherever_the_tokens_are_cut() {
    let (pieces, told, written) = say("hi", "one chai latte please, now", &["tte pl", "now"]);
    assert_eq!(pieces.concat(), "one chai la");
    assert_eq!(written.finish, Finish::StopString);
    assert_eq!(written.characters, 2 + 11);
    assert_eq!(written.completion_tokens, told.len() as u64);
    assert!(told.last().unwrap().end >= written.characters + "tte pl".len());
    // What only looks like the beginning of a stop string comes out in the end.
    let (pieces, _, written) = say("", "one chai latte pl", &["tte plum", "latte plan"]);
    assert_eq!(pieces.concat(), "one chai latte pl");
    assert_eq!(written.rest, "latte pl");
    assert_eq!(written.finish, Finish::Stop);
    // Within a prompt a stop string means nothing.
    assert_eq!(say("stop", "one", &["stop"]).2.finish, Finish::Stop);
    // A stop string that begins in the prompt does not count either.
    assert_eq!(say("st", "op", &["stop"]).0.concat(), "op");
}

#[test]
fn offsets_count_characters_and_lie_where_the_text_does() {
    let text = "thé glacé 🍵🍵 now";
    let (_, told, written) = say("é🍵", text, &[]);
    let characters: Vec<char> = format!("é🍵{text}").chars().collect();
    assert_eq!(written.characters, characters.len());
    let tokenizer = tokenizer();
    let mut bytes = Vec::new();
    for token in &told {
        let before = String::from_utf8_lossy(&bytes).into_owned();
        let whole = before.trim_end_matches(char::REPLACEMENT_CHARACTER);
        assert_eq!(token.offset, 2 + whole.chars().count(), "{token:?}");
        bytes.extend_from_slice(tokenizer.bytes_of(token.id));
        let shown = String::from_utf8_lossy(&bytes);
        assert_eq!(token.end, 2 + shown.chars().count(), "{token:?}");
    }
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
}

#[test]
fn a_prompt_that_ends_within_a_character_is_completed_by_the_answer() {
    let tokenizer = Tokenizer::train(["ab"].iter(), crate::SMALLEST_VOCAB).unwrap();
    let tea = tokenizer.encode("🍵").unwrap();
    assert_eq!(tea.len(), 4);
    for told in [Told::Answer, Told::All] {
        let mut answer = tea[2..].to_vec();
        answer.push(tokenizer.end());
        let said = if told == Told::All {
            [tea[1..2].to_vec(), answer].concat()
        } else {
            answer
        };
        let mut parrot = Parrot {
            tokens: said.into_iter(),
            vocab: tokenizer.vocab(),
        };
        let options = WriteOptions {
            draw: greedy(),
            told,
            ..WriteOptions::default()
        };
        let mut text = String::new();
        let written = write(&tokenizer, &mut parrot, &tea[..2], &options, &mut |token| {
            text.push_str(&token.text);
            ControlFlow::Continue(())
        });
        assert_eq!(
            (text.as_str(), written.characters, written.completion_tokens),
            ("🍵", 1, 3)
        );
    }
}

proptest! {
    #[test]
    fn nothing_of_a_stop_string_is_ever_given_out(
        text in "[abé🍵 ]{0,40}",
        stop in proptest::collection::vec("[abé🍵 ]{1,5}", 0..4),
    ) {
        let stop: Vec<&str> = stop.iter().map(String::as_str).collect();
        let (pieces, told, written) = say("🍵", &text, &stop);
        let given = pieces.concat();
        prop_assert!(text.starts_with(&given));
        prop_assert!(stop.iter().all(|stop| !given.contains(stop)));
        let is_stopped = stop.iter().any(|stop| text.contains(stop));
        prop_assert_eq!(written.finish == Finish::StopString, is_stopped);
        if is_stopped {
            prop_assert!(stop.iter().any(|stop| text[given.len()..].starts_with(stop)));
        } else {
            prop_assert_eq!(&given, &text);
        }
        prop_assert_eq!(written.characters, 1 + given.chars().count());
        prop_assert_eq!(written.completion_tokens, told.len() as u64);
    }
}

fn conversation() -> Vec<Message> {
    let roles = [Role::User, Role::Assistant, Role::User, Role::Assistant];
    let messages = texts().into_iter().zip(roles);
    messages.map(|(text, role)| Message::text(role, text)).collect()
}

fn models() -> Vec<Box<dyn LanguageModel>> {
    let config = DecoderConfig {
        width: 32,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        hidden: 48,
        context: 128,
        // More rows than tokens: those without a token take their share of the probability, and are never drawn.
        ..DecoderConfig::of_size(Size::Tiny, 350)
    };
    let student = Student::untrained(config, tokenizer(), Seed::new(5)).unwrap();
    let ngram = NgramBaseline::train(&[conversation()], tokenizer(), 4).unwrap();
    vec![Box::new(student), Box::new(ngram)]
}

fn all_told(model: &dyn LanguageModel, prompt: &[u32], draw: GenerateOptions, top: usize) -> Vec<WrittenToken> {
    let options = WriteOptions {
        draw,
        weigh: Some(top),
        told: Told::All,
        ..WriteOptions::default()
    };
    let mut told = Vec::new();
    model.write(prompt, &options, &mut |token| {
        told.push(token);
        ControlFlow::Continue(())
    });
    told
}

#[test]
fn what_is_drawn_weighs_the_same_when_it_is_read() {
    for model in models() {
        let prompt = model.tokenizer().encode("one chai").unwrap();
        let draw = |max_tokens: usize, temperature: f64| GenerateOptions {
            max_tokens,
            temperature,
            top_p: 1.0,
            ..GenerateOptions::default()
        };
        for temperature in [0.0, 2.0] {
            let drawn = all_told(model.as_ref(), &prompt, draw(40, temperature), 3);
            let tokens: Vec<u32> = drawn.iter().map(|token| token.id).collect();
            let read = all_told(model.as_ref(), &tokens, draw(0, 0.0), 3);
            assert_eq!(drawn.len(), read.len());
            assert!(drawn.len() > prompt.len() + 1);
            assert_eq!((drawn[0].logprob, read[0].logprob), (None, None));
            for (drawn, read) in drawn.iter().zip(&read).skip(1) {
                assert!((drawn.logprob.unwrap() - read.logprob.unwrap()).abs() < 1e-4);
                assert_eq!(drawn.top.len(), 3);
                assert!(drawn.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
                assert!((drawn.top[0].logprob - read.top[0].logprob).abs() < 1e-4);
                assert_eq!((drawn.offset, drawn.end), (read.offset, read.end));
            }
            if temperature == 0.0 {
                let answer = &drawn[prompt.len()..];
                assert!(answer.iter().all(|token| token.id == token.top[0].id));
            }
        }
    }
}

#[test]
fn weighing_a_conversation_costs_the_bits_of_its_score() {
    for model in models() {
        let transcript = Transcript::render(model.tokenizer(), &conversation()).unwrap();
        let nothing = GenerateOptions {
            max_tokens: 0,
            ..GenerateOptions::default()
        };
        let told = all_told(model.as_ref(), &transcript.tokens, nothing, 0);
        let scores = model.score(&conversation()).unwrap();
        assert_eq!(scores.len(), 4);
        for (turn, score) in transcript.turns.iter().zip(scores) {
            let logprobs = told[turn.said()].iter().map(|token| token.logprob.unwrap());
            let bits = -logprobs.sum::<f64>() / std::f64::consts::LN_2;
            assert!((bits - score.bits).abs() < 1e-3 * score.bits, "{bits} {score:?}");
        }
        let probabilities: f64 = all_told(model.as_ref(), &[7], greedy(), 320)[1]
            .top
            .iter()
            .map(|likely| likely.logprob.exp())
            .sum();
        assert!(probabilities < 1.0 + 1e-5, "{probabilities}");
    }
}

#[test]
fn a_text_that_is_given_up_ends_at_once() {
    for model in models() {
        for (told, heard) in [(Told::Answer, 1), (Told::All, 1)] {
            let options = WriteOptions {
                draw: greedy(),
                told,
                ..WriteOptions::default()
            };
            let mut tokens = 0;
            let written = model.write(&[7, 8], &options, &mut |_| {
                tokens += 1;
                ControlFlow::Break(())
            });
            assert_eq!((written.finish, tokens), (Finish::Cancelled, heard));
        }
        let empty = model.write(&[], &WriteOptions::default(), &mut |_| ControlFlow::Continue(()));
        assert_eq!(empty.prompt_tokens, 1);
    }
}
