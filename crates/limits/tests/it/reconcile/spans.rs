//! Reports of sums over minutes, hours and days.

use cultivar_limits::reconcile::{
    Counts, Difference, Explanation, OurCall, OurState, Reconciliation, Totals, Why, read_usage, reconcile,
};
use proptest::{collection::vec, prelude::*};

use super::{because, exchange, our, sum, totals};
use OurState::{Answered, Failed, Partial, UnderWay, Unknown};

const OPENAI: &[u8] = include_bytes!("../../fixtures/openai_completions_usage.csv");
const AZURE: &[u8] = include_bytes!("../../fixtures/azure_cost_details.csv");
const HOURS: &str = "start_time,end_time,num_model_requests,model,input_tokens,output_tokens\n";

/// One line: the hour of the day, calls and tokens of `gpt-4o`.
fn hour(hour: i64, calls: i64, prompt: i64, completion: i64) -> String {
    let start = 1_795_478_400 + hour * 3_600;
    format!(
        "{start},{},{calls},gpt-4o-2024-08-06,{prompt},{completion}\n",
        start + 3_600
    )
}

fn compare(ours: &[OurCall], lines: &[String]) -> Reconciliation {
    reconcile(
        ours,
        &read_usage((HOURS.to_owned() + &lines.concat()).as_bytes()).unwrap(),
    )
}

/// What explains a difference of sums, what nothing explains, and whether that is all.
fn told(difference: &Difference) -> (Totals, &[Explanation], Totals) {
    match difference {
        Difference::Span {
            difference,
            explained_by,
            unexplained,
            ..
        } => (*difference, explained_by, *unexplained),
        other => panic!("{other:?}"),
    }
}

fn only(found: &Reconciliation) -> (Totals, &[Explanation], Totals) {
    let [difference] = &found.differences[..] else {
        panic!("{found:?}")
    };
    told(difference)
}

#[test]
fn openais_export_is_added_up_over_keys_and_compared_by_hour_and_model() {
    let (mini, large) = ("gpt-4o-mini", "gpt-4o-2024-08-06");
    let report = read_usage(OPENAI).unwrap();
    let covers = report
        .covers()
        .map(|(first, last)| (first.to_string(), last.to_string()));
    let (ten, one) = ("2026-11-24T10:00:00.000000Z", "2026-11-24T13:00:00.000000Z");
    assert_eq!(covers, Some((ten.to_owned(), one.to_owned())));
    let ours = [
        our(1, mini, "10:00:00", (100, 20), Answered),
        our(2, mini, "10:30:00", (250, 80), Answered),
        our(3, "gpt-4o-mini-2024-07-18", "10:59:00", (300, 40), Answered),
        our(4, mini, "11:30:00", (7, 7), Answered),
        our(5, large, "12:00:00", (500, 60), Answered),
        our(6, large, "12:00:00", (500, 60), Answered),
        our(7, large, "13:00:00", (1, 1), Answered),
    ];
    let found = reconcile(&ours, &report);
    assert_eq!(found.matched, totals(5, 350 + 300 + 1_000, 100 + 40 + 120));
    assert_eq!(found.outside, [exchange(7)]);
    let [at_eleven, at_twelve] = &found.differences[..] else {
        panic!("{found:?}")
    };
    // The report says that nothing was used at eleven, and we say otherwise.
    let lacking = totals(-1, -7, -7);
    let named = [because(&[4], Why::NotBilled, 0)];
    assert_eq!(told(at_eleven), (lacking, &named[..], lacking));
    let beyond = totals(1, 500, 60);
    assert_eq!(
        told(at_twelve),
        (beyond, &[][..], beyond),
        "a call that did not go through the door"
    );
}

#[test]
fn azures_export_counts_tokens_by_day() {
    let at = |mut call: OurCall, day: &str| {
        call.started_at = format!("2026-11-{day}T08:00:00Z").parse().unwrap();
        call
    };
    let ours = [
        our(1, "gpt-4o-mini", "10:00:00", (400, 100), Answered),
        our(2, "gpt-4o-mini", "22:00:00", (250, 40), Answered),
        at(our(3, "gpt-4o-mini", "00:00:00", (5, 5), Answered), "25"),
        at(our(4, "gpt-4.1", "00:00:00", (1_000, 200), Partial), "26"),
        at(our(5, "gpt-4.1", "00:00:00", (1, 1), Answered), "27"),
    ];
    let found = reconcile(&ours, &read_usage(AZURE).unwrap());
    assert_eq!(found.matched, totals(0, 1_650, 340));
    assert_eq!(found.outside, [exchange(5)], "the report ends on the 26th");
    let [on_the_25th, on_the_26th] = &found.differences[..] else {
        panic!("{found:?}")
    };
    assert!(matches!(
        on_the_25th,
        Difference::Span {
            counts: Counts::Tokens,
            ..
        }
    ));
    let lacking = totals(0, -5, -5);
    assert_eq!(
        told(on_the_25th),
        (lacking, &[because(&[3], Why::NotBilled, 0)][..], lacking)
    );
    let cut_short = [because(&[4], Why::AnswerCutShort, 0)];
    assert_eq!(told(on_the_26th), (totals(0, 0, 50), &cut_short[..], Totals::default()));
}

#[test]
fn as_many_unknown_calls_as_the_provider_has_more_explain_it() {
    let known = our(1, "gpt-4o", "10:00:00", (10, 1), Answered);
    let uncertain = [
        our(2, "gpt-4o", "10:05:00", (0, 0), Failed),
        our(3, "gpt-4o", "10:10:00", (0, 0), Unknown),
        our(4, "gpt-4o", "10:20:00", (0, 0), UnderWay),
    ];
    let ours = [&[known], &uncertain[..]].concat();
    let found = compare(&ours, &[hour(10, 2, 30, 3)]);
    let first = [because(&[3], Why::OutcomeUnknown, 2)];
    assert_eq!(only(&found), (totals(1, 20, 2), &first[..], Totals::default()));
    assert!(found.is_complete());

    let found = compare(&ours, &[hour(10, 3, 40, 4)]);
    assert_eq!(only(&found).1, [because(&[3, 4], Why::OutcomeUnknown, 1)]);

    let found = compare(&ours, &[hour(10, 6, 90, 9)]);
    let all = [because(&[3, 4, 2], Why::OutcomeUnknown, 0)];
    assert_eq!(
        only(&found),
        (totals(5, 80, 8), &all[..], totals(2, 80, 8)),
        "two calls are nobody's"
    );
    assert!(!found.is_complete());

    // As many calls with more tokens: no call that we do not know explains that.
    let found = compare(&ours, &[hour(10, 1, 15, 1)]);
    assert_eq!(only(&found), (totals(0, 5, 0), &[][..], totals(0, 5, 0)));
}

#[test]
fn more_of_an_answer_comes_from_one_that_was_cut_short() {
    let ours = [
        our(1, "gpt-4o", "10:00:00", (10, 5), Partial),
        our(2, "gpt-4o", "10:01:00", (20, 9), Partial),
        our(3, "gpt-4o", "10:02:00", (30, 70), Answered),
        our(4, "gpt-4o", "10:03:00", (0, 0), Unknown),
    ];
    let found = compare(&ours, &[hour(10, 3, 60, 99)]);
    let longest = [because(&[2], Why::AnswerCutShort, 1)];
    assert_eq!(only(&found), (totals(0, 0, 15), &longest[..], Totals::default()));
    let found = compare(&ours[2..], &[hour(10, 1, 30, 85)]);
    assert_eq!(
        only(&found),
        (totals(0, 0, 15), &[][..], totals(0, 0, 15)),
        "nothing was cut short"
    );
}

#[test]
fn what_the_provider_lacks_is_the_smallest_set_with_exactly_these_tokens() {
    let ours = [
        our(1, "gpt-4o", "10:00:00", (10, 1), Answered),
        our(2, "gpt-4o", "10:01:00", (20, 2), Partial),
        our(3, "gpt-4o", "10:02:00", (30, 3), Answered),
        our(4, "gpt-4o", "10:03:00", (30, 3), Partial),
        our(5, "gpt-4o", "10:04:00", (77, 5), Answered),
    ];
    let lacking = |calls: i64, prompt: i64, completion: i64| {
        let found = compare(&ours, &[hour(10, 5 - calls, 167 - prompt, 14 - completion)]);
        let (_, explained_by, unexplained) = only(&found);
        (explained_by.first().cloned(), unexplained)
    };
    let none = Totals::default();
    let partial = because(&[4], Why::CutShortNotBilled, 0);
    assert_eq!(
        lacking(1, 30, 3),
        (Some(partial), none),
        "cut short comes before answered"
    );
    let both = because(&[2, 4], Why::CutShortNotBilled, 0);
    assert_eq!(lacking(2, 50, 5), (Some(both), none));
    let named = because(&[1, 3], Why::NotBilled, 1);
    assert_eq!(
        lacking(2, 40, 4),
        (Some(named), totals(-2, -40, -4)),
        "or the other of the same size"
    );
    let three = because(&[1, 2, 5], Why::NotBilled, 0);
    assert_eq!(lacking(3, 107, 8), (Some(three), totals(-3, -107, -8)));
    let everything = because(&[1, 2, 3, 4, 5], Why::NotBilled, 0);
    assert_eq!(lacking(5, 167, 14), (Some(everything), totals(-5, -167, -14)));
    assert_eq!(
        lacking(1, 31, 3),
        (None, totals(-1, -31, -3)),
        "no call has these tokens"
    );
    assert_eq!(lacking(1, -4, 3), (None, totals(-1, 4, -3)), "less and more at once");
}

#[test]
fn a_call_across_the_hour_is_found_in_the_next_one() {
    let ours = [
        our(1, "gpt-4o", "10:00:00", (10, 1), Answered),
        our(2, "gpt-4o", "10:59:50", (500, 60), Answered),
        our(3, "gpt-4o", "11:30:00", (20, 2), Answered),
        our(4, "gpt-4o", "11:40:00", (0, 0), Unknown),
    ];
    let found = compare(&ours, &[hour(10, 1, 10, 1), hour(11, 2, 520, 62)]);
    let across = [because(&[2], Why::NextSpan, 0)];
    let [ten, eleven] = &found.differences[..] else {
        panic!("{found:?}")
    };
    assert_eq!(told(ten), (totals(-1, -500, -60), &across[..], Totals::default()));
    assert_eq!(told(eleven), (totals(1, 500, 60), &across[..], Totals::default()));
    assert!(found.is_complete());

    // And what the next hour has beyond it is explained by itself.
    let found = compare(&ours, &[hour(10, 1, 10, 1), hour(11, 3, 525, 63)]);
    let reasons = [across[0].clone(), because(&[4], Why::OutcomeUnknown, 0)];
    assert_eq!(
        told(&found.differences[1]),
        (totals(2, 505, 61), &reasons[..], Totals::default())
    );

    // A call from the beginning of the hour does not end in the next one.
    let found = compare(&ours, &[hour(10, 1, 500, 60), hour(11, 2, 30, 3)]);
    assert!(!found.is_complete());
}

#[test]
fn an_export_of_a_time_without_usage_says_so() {
    let csv = "start_time,end_time,start_time_iso,end_time_iso\n\
               1795514400,1795518000,2026-11-24T10:00:00+00:00,2026-11-24T11:00:00+00:00\n";
    let report = read_usage(csv.as_bytes()).unwrap();
    assert!(reconcile(&[], &report).is_complete());
    let found = reconcile(&[our(1, "gpt-4o", "10:30:00", (1, 2), Answered)], &report);
    assert_eq!(only(&found).0, totals(-1, -1, -2));
}

#[test]
fn differences_have_a_form_for_other_programs() {
    let ours = [our(1, "gpt-4o", "10:00:00", (10, 1), Partial)];
    let found = compare(&ours, &[hour(10, 1, 10, 9)]);
    let json = serde_json::to_value(&found.differences[0]).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "kind": "span",
            "span": {
                "start": "2026-11-24T10:00:00.000000Z",
                "end": "2026-11-24T11:00:00.000000Z",
                "model": "gpt-4o",
            },
            "counts": "calls_and_tokens",
            "difference": {"calls": 0, "prompt_tokens": 0, "completion_tokens": 8},
            "explained_by": [{"exchanges": [exchange(1)], "why": "answer_cut_short", "alternatives": 0}],
            "unexplained": {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0},
        })
    );
}

proptest! {
    /// Every call and token of the provider is matched or in a difference, and so is every one of ours.
    #[test]
    fn nothing_is_lost_between_the_sums(
        ours in vec((0..3_u32, 0..60_u32, 0..9_u64, 0..9_u64, 0..4_usize), 0..25),
        theirs in vec((0..6_i64, 0..40_i64, 0..40_i64), 3),
    ) {
        let ours: Vec<OurCall> = ours.into_iter().enumerate().map(|(number, (hour, minute, prompt, completion, state))| {
            let state = [Answered, Partial, Unknown, Failed][state];
            let tokens = if matches!(state, Answered | Partial) { (prompt, completion) } else { (0, 0) };
            our(u8::try_from(number).unwrap(), "gpt-4o", &format!("1{hour}:{minute:02}:00"), tokens, state)
        }).collect();
        let lines: Vec<String> = (10..).zip(&theirs).map(|(at, (calls, prompt, completion))| hour(at, *calls, *prompt, *completion)).collect();
        let found = compare(&ours, &lines);
        let used: Vec<OurCall> = ours.iter().filter(|our| matches!(our.state, Answered | Partial)).cloned().collect();
        let add = |sum: Totals, each: Totals| totals(
            sum.calls + each.calls,
            sum.prompt_tokens + each.prompt_tokens,
            sum.completion_tokens + each.completion_tokens,
        );
        let differences = found.differences.iter().fold(Totals::default(), |sum, each| add(sum, told(each).0));
        let reported = theirs.iter().fold(Totals::default(), |sum, (calls, prompt, completion)| {
            add(sum, totals(*calls, *prompt, *completion))
        });
        prop_assert_eq!(add(sum(&used), differences), reported);
        prop_assert!(found.outside.is_empty());
        for difference in &found.differences {
            let (_, explained_by, unexplained) = told(difference);
            // A set that is said to be it has exactly these tokens; what is explained has a reason.
            prop_assert_eq!(difference.is_explained(), unexplained == Totals::default());
            prop_assert!(unexplained != Totals::default() || !explained_by.is_empty());
            for explanation in explained_by {
                let mut ids = explanation.exchanges.clone();
                ids.sort_unstable();
                ids.dedup();
                prop_assert_eq!(ids.len(), explanation.exchanges.len());
                prop_assert!(!ids.is_empty());
            }
        }
    }
}
