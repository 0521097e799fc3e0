//! `terms`: the terms register. Facts in our own words, not legal advice.

use std::fmt::Write as _;

use cultivar_cli::{AcceptArgs, TermsCommand};
use cultivar_policy::{Change, Difference, Register, differences, duties};
use cultivar_record::{Clash, Duties, FactName, Terms, TermsKey, digest_of};
use serde_json::{Value, json};

use crate::{
    admin::{Ask, ask, object},
    config::Config,
    failure::{CliError, Failure},
    opened::register,
    terminal::Terminal,
};

pub(crate) fn run(command: TermsCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let register = register(config.terms.as_deref())?;
    match command {
        TermsCommand::List => {
            let rows: Vec<&Terms> = register.rows().collect();
            let lines: Vec<String> = rows.iter().map(|terms| line(terms)).collect();
            terminal.result(&lines.join("\n"), &rows);
        }
        TermsCommand::Show { keys } => {
            let terms = found(&register, &TermsKey::stack(&keys))?;
            terminal.result(&words(&terms), &json!({ "terms": terms, "digest": digest_of(&terms)? }));
        }
        TermsCommand::Diff { before, after } => {
            let differences = differences(&found(&register, &before)?, &found(&register, &after)?);
            let lines: Vec<String> = differences.iter().map(difference).collect();
            let shown = json!({ "before": before, "after": after, "differences": differences });
            terminal.list(&lines, &shown, "the rows are the same but for their keys");
        }
        TermsCommand::Duties { keys } => {
            let rows: Vec<Terms> = keys.iter().map(|key| found(&register, key)).collect::<Result<_, _>>()?;
            let duties = duties(&rows);
            terminal.result(&owed(&duties), &duties);
        }
        TermsCommand::Accept(args) => accept(args, config, terminal)?,
    }
    Ok(())
}

fn found(register: &Register, key: &TermsKey) -> Result<Terms, CliError> {
    register.find(key).ok_or_else(|| CliError::NotFound {
        what: "row of terms",
        name: key.to_string(),
    })
}

fn difference(difference: &Difference) -> String {
    let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let change = match difference.change {
        Some(Change::Stricter) => "  (stricter)",
        Some(Change::Looser) => "  (looser)",
        None => "",
    };
    format!(
        "{:<24} {} -> {}{change}",
        difference.column,
        said(&difference.before),
        said(&difference.after)
    )
}

/// Duties in words, one a line.
fn owed(duties: &Duties) -> String {
    let mut lines: Vec<String> = duties
        .duties
        .iter()
        .map(|duty| format!("{:<34} {}", duty.terms, duty.owed))
        .collect();
    let clash = |clash: &Clash| format!("CLASH: {} against {}: {}", clash.terms, clash.against, clash.reason);
    lines.extend(duties.clashes.iter().map(clash));
    if lines.is_empty() {
        lines.push("nothing is owed".to_owned());
    }
    lines.join("\n")
}

fn accept(args: AcceptArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let body = object([
        ("terms", Some(json!(args.key))),
        ("accepted_by", Some(json!(args.by))),
        ("organization", args.org.map(Value::from)),
        ("markets", Some(json!(args.market))),
        ("purposes", Some(json!(args.purpose))),
        ("until", args.until.map(|at| json!(at))),
    ]);
    let accepted: Value = ask(config, Ask::post("/api/agreements", body))?.json()?;
    let field = |name: &str| accepted.get(name).and_then(Value::as_str).unwrap_or_default();
    let text = if accepted.get("new") == Some(&Value::Bool(true)) {
        format!(
            "`{}` is accepted for `{}` by {}",
            args.key,
            field("organization"),
            args.by
        )
    } else {
        format!("`{}` was accepted before", args.key)
    };
    terminal.result(&text, &accepted);
    Ok(())
}

fn line(terms: &Terms) -> String {
    format!(
        "{:<34} train_competing {:<12} {}",
        terms.key.to_string(),
        terms.train_competing.as_str(),
        terms.name
    )
}

fn words(terms: &Terms) -> String {
    let mut text = format!(
        "{}\n{} by {}, effective {}\n\n",
        terms.name, terms.kind, terms.party, terms.effective
    );
    for fact in FactName::ALL {
        let _ = writeln!(text, "  {:<24} {}", fact.as_str(), terms.fact(fact));
    }
    let _ = write!(
        text,
        "\nclause: {}\nsource: {} (read {})",
        terms.clause, terms.source, terms.observed
    );
    text
}
