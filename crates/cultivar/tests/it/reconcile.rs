//! `exchange reconcile`: the record against a provider's usage report.

use cultivar_testkit::redact;
use insta::assert_snapshot;
use serde_json::Value;

use crate::program::{Ran, Workplace};

/// The calls to the demo's teacher, oldest first.
fn recorded(workplace: &Workplace) -> Vec<Value> {
    let page = workplace.run(&["exchange", "list", "--limit", "1000", "--format", "json"]);
    let page = page.done().json();
    let rows = page["data"].as_array().unwrap().iter();
    let mut found: Vec<Value> = rows.filter(|row| row["provider"] == "recorded").cloned().collect();
    found.sort_by_key(|row| row["at"].as_str().unwrap().to_owned());
    found
}

fn line(row: &Value, more: u64) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let id = if row["provider_request_id"].is_null() {
        "id"
    } else {
        "provider_request_id"
    };
    format!(
        "{},{},{},{},{}\n",
        text(id),
        text("provider_model"),
        text("at"),
        row["prompt_tokens"].as_u64().unwrap() + more,
        row["completion_tokens"]
    )
}

fn reconcile(workplace: &Workplace, report: &str) -> Ran {
    let text = format!("request_id,model,timestamp,prompt_tokens,completion_tokens\n{report}");
    workplace.write("usage.csv", &text);
    workplace.run(&[
        "exchange",
        "reconcile",
        "--usage",
        "usage.csv",
        "--provider",
        "recorded",
    ])
}

#[test]
fn a_report_and_the_record_are_compared_call_by_call() {
    let workplace = Workplace::with_finished_demo();
    let calls = recorded(&workplace);
    let last = calls.last().unwrap()["at"].as_str().unwrap();
    let report = |skipped: usize| calls.iter().skip(skipped).map(|row| line(row, 0)).collect::<String>();
    let same = reconcile(&workplace, &report(0)).done();
    assert!(
        same.stdout.contains(&format!("{} call(s)", calls.len())),
        "{}",
        same.stdout
    );
    assert!(same.stdout.ends_with("accounted for\n"), "{}", same.stdout);

    let stranger = format!("req_elsewhere,gpt-4o,{last},100,20\n");
    let other = [line(&calls[0], 0), line(&calls[1], 7), stranger, report(3)].concat();
    let differs = reconcile(&workplace, &other);
    assert_eq!(differs.code, Some(5), "{}", differs.stderr);
    let told: Vec<&str> = differs.stdout.lines().skip(1).collect();
    assert_snapshot!(redact(&told.join("\n")));
    assert_snapshot!(differs.failure());
}

#[test]
fn what_is_no_report_is_refused_by_line_and_column() {
    let workplace = Workplace::with_finished_demo();
    workplace.write(
        "usage.csv",
        "request_id,model,timestamp,prompt_tokens,completion_tokens\na,b,yesterday,1,2\n",
    );
    let refused = workplace.run(&["exchange", "reconcile", "--usage", "usage.csv"]);
    assert_snapshot!(refused.failure(), @"
    error[reconcile::unreadable]: line 2, column `timestamp`: this is not a time
    help: correct the line, or export the report again
    exit 2
    ");
    let missing = workplace.run(&["exchange", "reconcile", "--usage", "nothing.csv"]);
    assert_snapshot!(missing.failure());
}
