//! `route`: who is asked for a model, and why not the others.

use std::fmt::Write as _;

use cultivar_cli::RouteCommand;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    admin::{Ask, ask, query},
    config::Config,
    failure::{CliError, Failure},
    terminal::Terminal,
};

/// What is said of a route.
#[derive(Deserialize)]
struct Explained {
    model: String,
    market: String,
    market_source: Option<String>,
    organization: String,
    purpose: String,
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Candidate {
    provider: String,
    kind: String,
    asked: bool,
    decision: String,
    terms: String,
    reasons: Vec<Why>,
    left_alone: Option<LeftAlone>,
}

#[derive(Deserialize)]
struct Why {
    policy: String,
    fact: Option<String>,
    value: Option<String>,
    clause: Option<String>,
    advice: Option<String>,
}

#[derive(Deserialize)]
struct LeftAlone {
    why: String,
    incident: Option<String>,
}

pub(crate) fn run(command: RouteCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let RouteCommand::Explain(args) = command;
    let parameters = [
        ("model", Some(args.model)),
        ("market", args.market.map(|market| market.to_string())),
        ("organization", args.org),
        ("purpose", Some(args.purpose.to_string())),
    ];
    let value: Value = ask(config, Ask::get(query("/api/routes", &parameters)))?.json()?;
    let unreadable = |e: serde_json::Error| CliError::Answer { reason: e.to_string() };
    let explained: Explained = serde_json::from_value(value.clone()).map_err(unreadable)?;
    terminal.result(&words(&explained), &value);
    Ok(())
}

fn words(explained: &Explained) -> String {
    let Explained {
        model,
        market,
        organization,
        purpose,
        ..
    } = explained;
    let asked: Vec<&str> = explained
        .candidates
        .iter()
        .filter(|candidate| candidate.asked)
        .map(|candidate| candidate.provider.as_str())
        .collect();
    let outcome = if asked.is_empty() {
        "nobody is asked".to_owned()
    } else {
        format!("asked in this order: {}", asked.join(", "))
    };
    let mut text = format!("`{model}` from {market}, for `{organization}` to {purpose}: {outcome}");
    for candidate in &explained.candidates {
        text.push_str(&about(candidate));
    }
    if let Some(source) = explained.market_source.as_ref().filter(|_| asked.is_empty()) {
        let _ = write!(text, "\n{market}: {source}");
    }
    text
}

fn about(candidate: &Candidate) -> String {
    let Candidate {
        provider,
        kind,
        decision,
        terms,
        ..
    } = candidate;
    let mut text = format!("\n  {provider} ({kind}, under {terms}): {decision}");
    for why in &candidate.reasons {
        let _ = write!(text, "\n    by `{}`", why.policy);
        if let (Some(fact), Some(value)) = (&why.fact, &why.value) {
            let _ = write!(text, " ({fact} = {value})");
        }
        if let Some(clause) = &why.clause {
            let _ = write!(text, ", clause {clause}");
        }
        if let Some(advice) = &why.advice {
            let _ = write!(text, "; {advice}");
        }
    }
    match &candidate.left_alone {
        Some(LeftAlone {
            incident: Some(incident),
            ..
        }) => {
            let _ = write!(text, "\n    left alone: incident {incident} is open");
        }
        Some(left_alone) => {
            let _ = write!(text, "\n    left alone: {}", left_alone.why);
        }
        None => {}
    }
    text
}
