//! `terms`: the terms register. Facts in our own words, not legal advice.

use std::fmt::Write as _;

use cultivar_record::{FactName, Terms, digest_of};
use serde_json::{Value, json};

use crate::{
    admin::{Ask, ask, object},
    cli::{AcceptArgs, TermsCommand},
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
        TermsCommand::Show { key } => {
            let missing = || CliError::NotFound {
                what: "row of terms",
                name: key.to_string(),
            };
            let terms = register.get(&key).ok_or_else(missing)?;
            terminal.result(&words(terms), &json!({ "terms": terms, "digest": digest_of(terms)? }));
        }
        TermsCommand::Accept(args) => accept(args, config, terminal)?,
    }
    Ok(())
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
