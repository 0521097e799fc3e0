//! No panic on any text, spans on character boundaries, once is as good as twice, equal values get equal surrogates, and no
//! text takes more than linear time.

use std::time::Instant;

use cultivar_privacy::{Desensitiser, Kind};
use proptest::prelude::*;

const REAL: [(&str, Kind); 12] = [
    ("LeaVLind@superrito.com", Kind::Email),
    ("+44 20 7123 4567", Kind::Phone),
    ("(415) 867-5309", Kind::Phone),
    ("13812345678", Kind::Phone),
    ("5213591727586604", Kind::PaymentCard),
    ("3782 822463 10005", Kind::PaymentCard),
    ("DE89 3704 0044 0532 0130 00", Kind::Iban),
    ("58.74.121.78", Kind::IpAddress),
    ("2a00:1450:4001:81b::200e", Kind::IpAddress),
    ("http://www.DialForum.co.uk/a?b=c", Kind::Url),
    ("531-21-7351", Kind::UsSsn),
    ("11010519491231002X", Kind::CnResidentId),
];

fn desensitiser() -> Desensitiser {
    Desensitiser::new([7; 32])
}

/// Text that detectors find hard: real values, their pieces, and everything that may stand between them.
fn hostile() -> impl Strategy<Value = String> {
    let values = prop::sample::select(REAL.map(|(value, _)| value.to_owned()).to_vec());
    let glue = prop::sample::select(
        [
            " ", ", ", "-", ".", ":", "/", "(", ")", "+", "@", "://", "x", "ext ", "00", "1", "0", "86", "电话", "é",
            "www.", "\n", "'", "$", "phone ", "ssn ",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    let digits = "[0-9]{1,6}";
    let piece = prop_oneof![3 => values, 5 => glue, 2 => digits, 1 => "[a-fA-F0-9:.]{1,12}", 1 => any::<String>()];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn spans_are_in_order_on_boundaries_and_apart(text in hostile()) {
        let mut end = 0;
        for span in desensitiser().scan(&text) {
            prop_assert!(span.start >= end && span.end > span.start);
            prop_assert!(text.get(span.start..span.end).is_some());
            end = span.end;
        }
    }

    #[test]
    fn twice_is_once(text in hostile()) {
        let once = desensitiser().desensitise(&text).unwrap();
        let twice = desensitiser().desensitise(&once.text).unwrap();
        prop_assert_eq!(&once.text, &twice.text);
        prop_assert!(twice.spans.is_empty());
    }

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        prop_assert!(desensitiser().desensitise(&text).is_ok());
    }

    #[test]
    fn a_value_gets_one_surrogate_in_every_sentence(pick in 0..REAL.len(), words in "[a-z]{0,8}") {
        let (value, _) = REAL[pick];
        let desensitiser = desensitiser();
        let surrogate = desensitiser.desensitise(value).unwrap().text;
        let text = format!("{words} {value}, and again {value}.");
        let wanted = format!("{words} {surrogate}, and again {surrogate}.");
        prop_assert_eq!(desensitiser.desensitise(&text).unwrap().text, wanted);
    }
}

#[test]
fn each_kind_is_found_and_replaced_by_something_of_ours() {
    for (value, kind) in REAL {
        let text = format!("It is {value}, yes.");
        let done = desensitiser().desensitise(&text).unwrap();
        assert_eq!(
            done.spans.iter().map(|span| span.kind).collect::<Vec<_>>(),
            [kind],
            "{value}"
        );
        assert!(!done.text.contains(value), "{}", done.text);
        assert!(done.second_look.is_empty(), "{}", done.text);
        let other_key = Desensitiser::new([8; 32]).desensitise(&text).unwrap();
        assert_ne!(done.text, other_key.text, "the key must matter");
    }
}

#[test]
fn spellings_of_one_value_share_what_can_be_shared() {
    let surrogate = |text: &str| desensitiser().desensitise(text).unwrap().text;
    assert_eq!(surrogate("Ann@Site.com"), surrogate("ann@site.com"));
    assert_eq!(
        surrogate("5213 5917 2758 6604").replace(' ', ""),
        surrogate("5213591727586604")
    );
    assert_eq!(
        surrogate("DE89370400440532013000"),
        surrogate("DE89 3704 0044 0532 0130 00").replace(' ', "")
    );
    assert_eq!(
        surrogate("2A00:1450:4001:081B:0:0:0:200E"),
        surrogate("2a00:1450:4001:81b::200e")
    );
    assert!(surrogate("+1 415-867-5309").ends_with(&surrogate("415-867-5309")));
}

#[test]
fn hostile_texts_take_linear_time() {
    let atoms = [
        "1",
        "1 ",
        "1-",
        "1.",
        "(1)",
        "+1",
        "@",
        "a@",
        "a.",
        "a@b.",
        "://",
        "http://",
        "w",
        "www.",
        ":",
        "a:",
        "::1",
        "DE89",
        "DE89 ",
        "4111 ",
        "86 1",
        "call 1234567 ",
        "00",
        "/",
        "'",
        "xn--",
        "1x",
    ];
    let desensitiser = desensitiser();
    let seconds = |text: &str| {
        let begin = Instant::now();
        std::hint::black_box(desensitiser.scan(text));
        begin.elapsed().as_secs_f64()
    };
    for atom in atoms {
        let long = atom.repeat(200_000 / atom.len());
        // A quadratic scan would take minutes; a linear one takes milliseconds even unoptimised.
        assert!(seconds(&long) < 2.0, "{atom:?} takes {} s", seconds(&long));
    }
}
