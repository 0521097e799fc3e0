//! Our record against usage reports: what agrees is counted, what does not is named.

mod spans;

use cultivar_limits::reconcile::{
    Difference, Explanation, OurCall, OurState, ReconcileError, Reconciliation, Totals, UsageReport, Why, read_usage,
    reconcile,
};
use cultivar_record::{ExchangeId, Timestamp, TokenCount};
use proptest::{collection::vec, prelude::*, sample::Index};

const CALLS: &[u8] = include_bytes!("../fixtures/calls.csv");

pub(super) fn exchange(number: u8) -> ExchangeId {
    ExchangeId::from_parts(Timestamp::from_micros(0), &[number; 32])
}

/// Our call: its number, model, time and tokens. It has no request id.
pub(super) fn our(number: u8, model: &str, at: &str, tokens: (u64, u64), state: OurState) -> OurCall {
    OurCall {
        exchange: exchange(number),
        provider_request_id: None,
        provider_model: model.to_owned(),
        started_at: format!("2026-11-24T{at}Z").parse().unwrap(),
        prompt_tokens: TokenCount::new(tokens.0),
        completion_tokens: TokenCount::new(tokens.1),
        state,
    }
}

fn with_id(id: &str, call: OurCall) -> OurCall {
    OurCall {
        provider_request_id: Some(id.to_owned()),
        ..call
    }
}

pub(super) const fn totals(calls: i64, prompt_tokens: i64, completion_tokens: i64) -> Totals {
    Totals {
        calls,
        prompt_tokens,
        completion_tokens,
    }
}

pub(super) fn because(numbers: &[u8], why: Why, alternatives: usize) -> Explanation {
    Explanation {
        exchanges: numbers.iter().copied().map(exchange).collect(),
        why,
        alternatives,
    }
}

#[test]
fn calls_are_matched_by_their_id_and_every_other_one_is_named() {
    use OurState::{Answered, Failed, Partial, Unknown};
    let mini = "gpt-4o-mini";
    let ours = [
        with_id("req_1", our(1, mini, "10:00:00", (100, 20), Answered)),
        with_id("req_2", our(2, mini, "10:00:04", (250, 30), Partial)),
        with_id("req_3", our(3, mini, "10:00:59", (290, 40), Answered)),
        our(4, mini, "10:01:58", (0, 0), Unknown),
        our(5, "gpt-4o", "10:03:00", (500, 60), Answered),
        with_id("req_6", our(6, mini, "10:30:00", (10, 1), Answered)),
        with_id("req_7", our(7, mini, "10:31:00", (20, 2), Partial)),
        our(8, mini, "10:32:00", (0, 0), Failed),
    ];
    let found = reconcile(&ours, &read_usage(CALLS).unwrap());
    assert_eq!(found.matched, totals(4, 100 + 250 + 290 + 500, 20 + 30 + 40 + 60));
    let told: Vec<(String, bool)> = found.differences.iter().map(told).collect();
    let expected = [
        ("line 3: 0 and 50 tokens more: [2] AnswerCutShort", true),
        ("line 4: 10 and 0 tokens more: no reason", false),
        ("line 5 is not ours: [4] OutcomeUnknown", true),
        ("line 6 is not ours: [5] SameTokens", true),
        ("line 7 is not ours: no reason", false),
        ("line 8 is not ours, again: no reason", false),
        ("6 is not theirs: no reason", false),
        ("7 is not theirs: [7] CutShortNotBilled", true),
    ];
    assert_eq!(told, expected.map(|(text, explained)| (text.to_owned(), explained)));
    assert!(!found.is_complete());
}

fn told(difference: &Difference) -> (String, bool) {
    let numbers = |by: &Explanation| -> Vec<u8> {
        let number = |id: &ExchangeId| (0..=u8::MAX).find(|number| exchange(*number) == *id).unwrap();
        by.exchanges.iter().map(number).collect()
    };
    let reason = |by: &Option<Explanation>| {
        by.as_ref()
            .map_or("no reason".to_owned(), |by| format!("{:?} {:?}", numbers(by), by.why))
    };
    let text = match difference {
        Difference::TheirsNotOurs {
            call,
            repeated,
            explained_by,
        } => {
            let again = if *repeated { ", again" } else { "" };
            format!("line {} is not ours{again}: {}", call.line, reason(explained_by))
        }
        Difference::OursNotTheirs {
            exchange, explained_by, ..
        } => {
            let number = numbers(&Explanation {
                exchanges: vec![*exchange],
                why: Why::NotBilled,
                alternatives: 0,
            });
            format!("{} is not theirs: {}", number[0], reason(explained_by))
        }
        Difference::Tokens {
            line,
            difference,
            explained_by,
            ..
        } => {
            let (prompt, completion) = (difference.prompt_tokens, difference.completion_tokens);
            format!(
                "line {line}: {prompt} and {completion} tokens more: {}",
                reason(explained_by)
            )
        }
        Difference::Span { .. } => panic!("{difference:?}"),
    };
    (text, difference.is_explained())
}

#[test]
fn an_unknown_outcome_explains_one_call_of_its_model_and_time_and_no_other() {
    let csv = "request_id,model,timestamp,prompt_tokens,completion_tokens\na,gpt-4o,2026-11-24 10:00:00,5,5\n";
    let report = read_usage(csv.as_bytes()).unwrap();
    let explained = |ours: &[OurCall]| match reconcile(ours, &report).differences.remove(0) {
        Difference::TheirsNotOurs { explained_by, .. } => explained_by,
        other => panic!("{other:?}"),
    };
    let unknown = |number, model, at| our(number, model, at, (0, 0), OurState::Unknown);
    assert_eq!(explained(&[unknown(1, "gpt-4o", "09:44:00")]), None, "too early");
    assert_eq!(explained(&[unknown(1, "gpt-4o", "10:06:00")]), None, "too late");
    assert_eq!(
        explained(&[unknown(1, "gpt-4o-mini", "10:00:00")]),
        None,
        "another model"
    );
    assert_eq!(
        explained(&[with_id("b", unknown(1, "gpt-4o", "10:00:00"))]),
        None,
        "another id"
    );
    let both = [unknown(1, "gpt-4o", "09:50:00"), unknown(2, "gpt-4o", "09:59:58")];
    let nearest = because(&[2], Why::OutcomeUnknown, 1);
    assert_eq!(
        explained(&both),
        Some(nearest),
        "the nearest, and another that may be it"
    );
}

#[test]
fn what_cannot_be_read_is_said_by_line_and_column_and_not_quoted() {
    let head = "request_id,model,timestamp,prompt_tokens,completion_tokens\n";
    let wrong = |csv: &str| read_usage(csv.as_bytes()).unwrap_err();
    let unreadable = |line, column, expected| ReconcileError::Unreadable { line, column, expected };
    for (csv, error) in [
        (String::new(), ReconcileError::UnknownForm),
        ("secret,words\n1,2\n".to_owned(), ReconcileError::UnknownForm),
        (
            head.replace("model,", ""),
            ReconcileError::MissingColumn { column: "model" },
        ),
        (format!("{head}a,b,secret,1,2\n"), unreadable(2, "timestamp", "a time")),
        (
            format!("{head}a,b,2026-11-24,1,2\n\"a\nb\",c,2026-11-24,1,secret\n"),
            unreadable(3, "completion_tokens", "a whole number"),
        ),
        (
            format!("{head}a,b,2026-11-24,-1,2\n"),
            unreadable(2, "prompt_tokens", "a whole number"),
        ),
        (
            format!("{head}a,b,2026-11-24,1.5,2\n"),
            unreadable(2, "prompt_tokens", "a whole number"),
        ),
        (format!("{head}a,secret\n"), ReconcileError::NotCsv { line: 2 }),
        (
            "Date,MeterName,UnitOfMeasure,Quantity\n2026-11-24,x Inp Tokens,secret,1\n".to_owned(),
            unreadable(2, "unit_of_measure", "a unit such as 1, 1K or 1M"),
        ),
        (
            "start_time,end_time,model,input_tokens,output_tokens\n100000000,100000000,m,1,1\n".to_owned(),
            unreadable(2, "end_time", "a time after the start"),
        ),
        (
            "start_time,end_time,model,input_tokens,output_tokens\n\
             100000000,100003600,m,1,1\n100000060,100000120,m,1,1\n"
                .to_owned(),
            ReconcileError::Overlap { line: 3, other: 2 },
        ),
    ] {
        let found = wrong(&csv);
        assert_eq!(found, error, "{csv}");
        assert!(!found.to_string().contains("secret"), "{found}");
    }
    let not_utf8 = [head.as_bytes(), b"\xff,b,2026-11-24,1,2\n"].concat();
    assert_eq!(read_usage(&not_utf8), Err(ReconcileError::NotCsv { line: 2 }));
}

#[test]
fn a_byte_order_mark_windows_lines_and_other_names_are_no_obstacle() {
    let csv = "\u{feff}ID,Model,Created,Input Tokens,Output Tokens\r\n\"a\", m ,1795514400,1,2.0\r\n";
    let UsageReport::Calls(calls) = read_usage(csv.as_bytes()).unwrap() else {
        panic!()
    };
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((call.request_id.as_deref(), call.model.as_str()), (Some("a"), "m"));
    assert_eq!((call.prompt_tokens.get(), call.completion_tokens.get()), (1, 2));
    assert_eq!(call.at.to_string(), "2026-11-24T10:00:00.000000Z");
}

/// A report of single calls as the provider would write it about these calls of ours.
fn report_of(ours: &[OurCall]) -> String {
    let lines = ours.iter().map(|our| {
        let id = our.provider_request_id.as_deref().unwrap_or_default();
        let (prompt, completion) = (our.prompt_tokens.get(), our.completion_tokens.get());
        format!("{id},{},{},{prompt},{completion}\n", our.provider_model, our.started_at)
    });
    "request_id,model,timestamp,prompt_tokens,completion_tokens\n".to_owned() + &lines.collect::<String>()
}

fn our_calls() -> impl Strategy<Value = Vec<OurCall>> {
    vec((0..3_usize, 0..3_600_u32, 0..50_u64, 0..50_u64), 1..40).prop_map(|calls| {
        let made = calls
            .into_iter()
            .enumerate()
            .map(|(number, (model, second, prompt, completion))| {
                let at = format!("10:{:02}:{:02}", second / 60, second % 60);
                let model = ["gpt-4o", "gpt-4o-mini", "o3"][model];
                let number = u8::try_from(number).unwrap();
                let call = our(number, model, &at, (prompt, completion), OurState::Answered);
                with_id(&format!("req_{number}"), call)
            });
        made.collect()
    })
}

pub(super) fn sum(ours: &[OurCall]) -> Totals {
    let signed = |tokens: TokenCount| i64::try_from(tokens.get()).unwrap();
    ours.iter().fold(Totals::default(), |sum, our| Totals {
        calls: sum.calls + 1,
        prompt_tokens: sum.prompt_tokens + signed(our.prompt_tokens),
        completion_tokens: sum.completion_tokens + signed(our.completion_tokens),
    })
}

proptest! {
    #[test]
    fn a_report_of_the_same_calls_agrees_in_everything(ours in our_calls()) {
        let found = reconcile(&ours, &read_usage(report_of(&ours).as_bytes()).unwrap());
        let agreed = Reconciliation { matched: sum(&ours), ..Reconciliation::default() };
        prop_assert_eq!(found, agreed);
    }

    /// Whatever call is missing on either side is named, and it alone.
    #[test]
    fn a_call_that_one_side_lacks_is_named(ours in our_calls(), which in any::<Index>(), missing_here in any::<bool>()) {
        let which = which.index(ours.len());
        let mut fewer = ours.clone();
        let lost = fewer.remove(which);
        let (here, there) = if missing_here { (&fewer, &ours) } else { (&ours, &fewer) };
        let found = reconcile(here, &read_usage(report_of(there).as_bytes()).unwrap());
        prop_assert_eq!(found.matched, sum(&fewer));
        prop_assert!(!found.is_complete());
        match &found.differences[..] {
            [Difference::TheirsNotOurs { call, repeated: false, explained_by: None }] if missing_here => {
                prop_assert_eq!(&call.request_id, &lost.provider_request_id);
                prop_assert_eq!(call.line, u64::try_from(which).unwrap() + 2);
            }
            [Difference::OursNotTheirs { exchange, explained_by: None, .. }] if !missing_here => {
                prop_assert_eq!(*exchange, lost.exchange);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn no_file_makes_it_panic(noise in vec(any::<u8>(), 0..200), cells in "[a-z0-9:,.\"\n-]{0,120}") {
        let _ = read_usage(&noise);
        for head in [
            "request_id,model,timestamp,prompt_tokens,completion_tokens\n",
            "start_time,end_time,num_model_requests,model,input_tokens,output_tokens\n",
            "Date,MeterName,UnitOfMeasure,Quantity\n",
        ] {
            if let Ok(report) = read_usage(format!("{head}{cells}").as_bytes()) {
                reconcile(&[our(1, "m", "10:00:00", (1, 1), OurState::Answered)], &report);
            }
        }
    }
}
