//! `usage`: requests, tokens and money, by whom and when.

use cultivar_cli::UsageArgs;
use cultivar_record::MicroUsd;
use serde_json::{Map, Value};

use crate::{
    admin::{Ask, ask, query},
    config::Config,
    failure::Failure,
    terminal::Terminal,
};

/// The columns of a report, in their order.
const COLUMNS: [&str; 13] = [
    "period",
    "organization",
    "project",
    "key",
    "model",
    "provider",
    "market",
    "purpose",
    "requests",
    "unanswered",
    "prompt_tokens",
    "completion_tokens",
    "cost_micro_usd",
];

pub(crate) fn run(args: &UsageArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let by = Some(args.by.join(",")).filter(|by| !by.is_empty());
    let parameters = [
        ("by", by),
        ("from", args.from.map(|at| at.to_string())),
        ("until", args.until.map(|at| at.to_string())),
        ("organization", args.org.clone()),
        ("format", args.csv.then(|| "csv".to_owned())),
    ];
    let report = ask(config, Ask::get(query("/api/usage", &parameters)))?;
    if args.csv {
        terminal.out(&report.text());
        return Ok(());
    }
    let rows: Vec<Map<String, Value>> = report.rows()?;
    if rows.is_empty() && !terminal.is_json() {
        terminal.say("nothing was used");
        return Ok(());
    }
    terminal.result(&table(&rows), &rows);
    Ok(())
}

/// Lines of columns, as wide as what is in them.
fn table(rows: &[Map<String, Value>]) -> String {
    let columns: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|name| rows.iter().any(|row| row.contains_key(*name)))
        .collect();
    let head = columns
        .iter()
        .map(|name| name.trim_end_matches("_micro_usd").to_owned());
    let mut lines: Vec<Vec<String>> = vec![head.collect()];
    lines.extend(
        rows.iter()
            .map(|row| columns.iter().map(|name| cell(row, name)).collect()),
    );
    let width = |at: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(at))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns.len()).map(|at| width(at).unwrap_or_default()).collect();
    let padded = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}

fn cell(row: &Map<String, Value>, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(number) if name == "cost_micro_usd" => MicroUsd::new(number.as_i64().unwrap_or_default()).to_string(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}
