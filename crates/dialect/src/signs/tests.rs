//! Every line of the table is met by a refusal as a provider sends it, and no quoted prompt meets one.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::*;

const FIXTURES: &str = include_str!("../../tests/fixtures/signs.jsonl");

#[derive(Deserialize)]
struct Fixture {
    from: String,
    status: u16,
    body: Value,
    sign: String,
}

impl Fixture {
    fn all() -> Vec<Self> {
        FIXTURES
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn refusal(&self) -> Refusal {
        let body = self.body.as_str().map_or_else(|| self.body.to_string(), str::to_owned);
        Refusal::read(self.status, body.as_bytes())
    }
}

fn name(sign: Sign) -> &'static str {
    match sign {
        Sign::Standing { what } => match what {
            StandingSign::AccountDisabled => "account disabled",
            StandingSign::KeyRefused => "key refused",
            StandingSign::PermissionDenied => "permission denied",
            StandingSign::RegionRefused => "region refused",
        },
        Sign::Policy => "policy",
        Sign::RateLimited { .. } => "rate limited",
        Sign::Quota => "quota",
        Sign::Invalid => "invalid",
        Sign::NotFound => "not found",
        Sign::Overloaded => "overloaded",
        Sign::Unavailable => "unavailable",
    }
}

#[test]
fn every_refusal_is_read_as_what_it_is() {
    for fixture in Fixture::all() {
        let refusal = fixture.refusal();
        assert_eq!(
            name(Sign::read(&refusal)),
            fixture.sign,
            "{}: {refusal:?}",
            fixture.from
        );
    }
}

#[test]
fn every_line_of_the_table_is_met_by_a_refusal() {
    let met: Vec<usize> = Fixture::all()
        .iter()
        .filter_map(|fixture| LINES.iter().position(|line| line.fits(&fixture.refusal())))
        .collect();
    let never: Vec<usize> = (0..LINES.len()).filter(|line| !met.contains(line)).collect();
    assert_eq!(
        never,
        Vec::<usize>::new(),
        "lines of the table without a fixture that meets them first"
    );
}

#[test]
fn what_may_be_done_follows_from_the_sign() {
    let allowed = |sign: Sign| (sign.may_ask_again(), sign.may_fall_back(), sign.opens_incident());
    assert_eq!(allowed(DISABLED), (false, false, true));
    assert_eq!(allowed(Sign::Policy), (false, false, false));
    assert_eq!(allowed(Sign::RateLimited { retry_after_ms: None }), (true, true, false));
    assert_eq!(allowed(Sign::Quota), (false, true, true));
    assert_eq!(allowed(Sign::Invalid), (false, false, false));
    assert_eq!(allowed(Sign::NotFound), (false, true, false));
    assert_eq!(allowed(Sign::Overloaded), (true, true, false));
    assert_eq!(allowed(Sign::Unavailable), (true, true, false));
}

#[test]
fn the_wait_goes_with_the_rate_limit() {
    let refusal = Refusal::read(429, b"{}").with_headers(Some("250"), None);
    assert_eq!(
        Sign::read(&refusal),
        Sign::RateLimited {
            retry_after_ms: Some(250)
        }
    );
}

#[test]
fn an_error_within_a_stream_is_read_likewise() {
    for (data, sign) in [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            "overloaded",
        ),
        (
            r#"{"error":{"message":"M","type":"invalid_request_error","code":"account_deactivated"}}"#,
            "account disabled",
        ),
        (
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
            "policy",
        ),
        (r#"{"error":{"message":"M","code":502}}"#, "unavailable"),
    ] {
        assert_eq!(
            name(Sign::read(&Refusal::in_stream(data.as_bytes()).unwrap())),
            sign,
            "{data}"
        );
    }
}

/// Every sentence of the table, anywhere in a quoted prompt.
fn sentences() -> Vec<&'static str> {
    let says = LINES.iter().filter_map(|line| line.says);
    says.map(|says| match says {
        Whole(sentence) | Begins(sentence) => sentence,
    })
    .collect()
}

proptest! {
    #[test]
    fn a_quoted_prompt_is_no_standing(
        which in 0..sentences().len(),
        before in ".{1,40}",
        after in ".{0,40}",
        status in proptest::sample::select(vec![400_u16, 403, 404, 413, 422, 429, 500]),
        kind in proptest::sample::select(vec!["invalid_request_error", "INVALID_ARGUMENT", "requests", "api_error", ""]),
    ) {
        let message = format!("{before} \"{}\" {after}", sentences()[which]);
        let refusal = Refusal { status, kind: kind.to_owned(), message, ..Refusal::default() };
        let is_standing = matches!(Sign::read(&refusal), Sign::Standing { .. });
        prop_assert!(!is_standing, "{:?}", refusal);
    }
}
