//! What a caller sees: groups of texts.

use std::collections::BTreeSet;

use cultivar_forensics::near_duplicates;
use cultivar_record::Seed;
use proptest::prelude::*;

const SEED: Seed = Seed::new(7);

#[test]
fn the_first_of_each_group_is_kept() {
    let order = "Hello, can I get a large iced latte with oat milk and two pumps of vanilla, please? For Jean, to go.";
    let texts = [
        order.to_owned(),
        "A cappuccino for here.".to_owned(),
        order.to_uppercase().replace(',', " -"),
        order.replace("Jean", "Joan"),
        order
            .replace("large iced latte", "small hot chocolate")
            .replace("oat", "soy")
            .replace("two", "no"),
        "a cappuccino, for here".to_owned(),
        String::new(),
        "?!".to_owned(),
    ];
    let groups = near_duplicates(&texts, 0.7, SEED);
    assert_eq!(groups.firsts(), [0, 1, 0, 0, 4, 1, 6, 6]);
    assert_eq!(groups.kept(), [true, true, false, false, true, false, true, false]);
}

#[test]
fn equal_texts_are_one_group_at_every_threshold() {
    let texts = vec!["one two three four"; 50];
    for threshold in [0.1, 0.5, 0.9, 1.0] {
        assert!(
            near_duplicates(&texts, threshold, SEED)
                .firsts()
                .iter()
                .all(|first| *first == 0)
        );
    }
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    let word = prop::sample::select(vec![
        "a", "latte", "two", "milk", "please", "for", "Ann", "拿铁", "to", "go",
    ]);
    let text = prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "));
    prop::collection::vec(text, 0..40)
}

/// Similarity by the definition, with words in the place of hashes.
fn similarity(left: &str, right: &str) -> f64 {
    let shingles = |text: &str| -> BTreeSet<Vec<String>> {
        let spaced = text.replace("拿铁", " 拿 铁 ").to_lowercase();
        let words: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
        match words.len() {
            0 => BTreeSet::new(),
            1..3 => BTreeSet::from([words]),
            _ => words.windows(3).map(<[String]>::to_vec).collect(),
        }
    };
    let (left, right) = (shingles(left), shingles(right));
    let count = |set: BTreeSet<&Vec<String>>| f64::from(u32::try_from(set.len()).unwrap());
    let all = count(left.union(&right).collect());
    if all == 0.0 {
        1.0
    } else {
        count(left.intersection(&right).collect()) / all
    }
}

proptest! {
    #[test]
    fn nothing_is_dropped_that_is_not_near_a_kept_text(texts in texts(), threshold in 0.1_f64..1.0) {
        let groups = near_duplicates(&texts, threshold, SEED);
        for (text, first) in texts.iter().zip(groups.firsts()) {
            prop_assert!(similarity(text, &texts[*first]) >= threshold);
            prop_assert_eq!(groups.firsts()[*first], *first);
        }
    }

    #[test]
    fn whatever_equals_a_kept_text_is_dropped(texts in texts(), threshold in 0.1_f64..1.0) {
        let twice: Vec<&String> = texts.iter().chain(&texts).collect();
        let groups = near_duplicates(&twice, threshold, SEED);
        prop_assert!(groups.kept()[texts.len()..].iter().all(|kept| !kept));
    }

    #[test]
    fn any_text_is_read_the_same_way_each_time(texts in prop::collection::vec(any::<String>(), 0..8)) {
        prop_assert_eq!(near_duplicates(&texts, 0.8, SEED), near_duplicates(&texts, 0.8, SEED));
    }
}
