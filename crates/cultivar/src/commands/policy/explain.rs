//! `policy explain`: what may I do with this?

use std::fmt::Write as _;

use cultivar_cli::{About, ExplainArgs};
use cultivar_policy::{Answer, Condition, Explanation, Permits, Register, Settings};
use cultivar_record::{Reason, Terms, TermsKey, UseAction};
use cultivar_store::{Blobs, tables};
use serde::Serialize;
use serde_json::json;

use crate::{
    commands::dataset,
    config::Config,
    failure::{CliError, Failure},
    opened::{Packs, look, register},
    terminal::Terminal,
};

/// Rules that hold for every use alike are told once, at the end.
const EVERYWHERE: [&str; 2] = ["standing.served", "terms.accepted"];

/// One row of terms that binds what is asked about.
#[derive(Serialize)]
struct Bound {
    terms: TermsKey,
    name: String,
    /// How it binds: how many exchanges of whom.
    binds: Option<String>,
    uses: Vec<Explanation>,
}

pub(super) fn run(args: &ExplainArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let permits = Packs::read(&config.policy.packs, &args.pack)?.permits(Settings::default())?;
    let mut actions: Vec<UseAction> = args.uses.iter().map(|named| UseAction::from(*named)).collect();
    if actions.is_empty() {
        actions.extend(UseAction::ALL);
    }
    let rows = rows(&args.about, config)?;
    let bound: Vec<Bound> = rows
        .into_iter()
        .map(|(binds, terms)| explained(&permits, &actions, binds, &terms))
        .collect::<Result<_, _>>()?;
    let strictest: Vec<(UseAction, Answer)> = actions
        .iter()
        .map(|action| (*action, strictest(&bound, *action)))
        .collect();
    let answers: serde_json::Map<String, serde_json::Value> = strictest
        .iter()
        .map(|(action, answer)| (action.to_string(), json!(answer)))
        .collect();
    terminal.result(
        &words(&bound, &strictest),
        &json!({ "answers": answers, "terms": bound, "policies": permits.digest() }),
    );
    Ok(())
}

/// The rows that bind, with how they do. A dataset's rows are those that were in force when its exchanges were made.
fn rows(about: &About, config: &Config) -> Result<Vec<(Option<String>, Terms)>, Failure> {
    let register = register(config.terms.as_deref())?;
    if let Some(name) = &about.dataset {
        let (dir, store) = look(config)?;
        let stored = dataset::find(&store, name)?;
        let blobs = Blobs::new(&dir);
        let sets = stored.dataset.sources.iter().map(|set| {
            let binds = format!("{} exchanges of `{}`", set.exchanges, set.provider);
            Ok((Some(binds), blobs.get::<Terms>(&set.terms_digest)?))
        });
        return sets.collect();
    }
    if let Some(name) = &about.provider {
        let (_, store) = look(config)?;
        let provider = store.read(|tx| tables::provider::by_name(tx, name))?;
        let provider = provider.ok_or_else(|| CliError::NotFound {
            what: "provider",
            name: name.clone(),
        })?;
        let binds = format!("answers of `{name}`");
        return Ok(vec![(Some(binds), row(&register, &provider.terms)?)]);
    }
    about.terms.iter().map(|key| Ok((None, row(&register, key)?))).collect()
}

fn row(register: &Register, key: &TermsKey) -> Result<Terms, Failure> {
    let missing = || CliError::NotFound {
        what: "row of terms",
        name: key.to_string(),
    };
    Ok(register.find(key).ok_or_else(missing)?)
}

fn explained(permits: &Permits, actions: &[UseAction], binds: Option<String>, terms: &Terms) -> Result<Bound, Failure> {
    let uses = actions.iter().map(|action| permits.explain(terms, *action));
    Ok(Bound {
        terms: terms.key.clone(),
        name: terms.name.clone(),
        binds,
        uses: uses.collect::<Result<_, _>>()?,
    })
}

/// What binds several ways is as free as the strictest of them.
fn strictest(bound: &[Bound], action: UseAction) -> Answer {
    let answers = bound
        .iter()
        .flat_map(|each| &each.uses)
        .filter(|each| each.action == action);
    let rank = |answer: &Answer| match answer {
        Answer::PermittedIf => 0,
        Answer::OnlyWithGrant => 1,
        Answer::Forbidden => 2,
    };
    answers
        .map(|each| each.answer)
        .max_by_key(rank)
        .unwrap_or(Answer::Forbidden)
}

const fn answer_words(answer: Answer) -> &'static str {
    match answer {
        Answer::PermittedIf => "permitted under conditions",
        Answer::OnlyWithGrant => "forbidden without a signed grant",
        Answer::Forbidden => "forbidden",
    }
}

fn words(bound: &[Bound], strictest: &[(UseAction, Answer)]) -> String {
    let mut text = String::new();
    for (action, answer) in strictest {
        let _ = writeln!(text, "{:<16} {}", action.as_str(), answer_words(*answer));
    }
    for each in bound {
        let binds = each
            .binds
            .as_ref()
            .map(|binds| format!(", {binds}"))
            .unwrap_or_default();
        let _ = writeln!(text, "\n{} (`{}`){binds}", each.name, each.terms);
        for explained in &each.uses {
            let _ = writeln!(text, "\n  {}: {}", explained.action, answer_words(explained.answer));
            for reason in &explained.forbidden_by {
                let _ = writeln!(text, "    forbidden by {}\n      {}", rule(reason), advice(reason));
            }
            for condition in conditions(explained) {
                let _ = writeln!(
                    text,
                    "    unless {}\n      forbids when `{}`\n      {}",
                    rule(&condition.reason),
                    condition.forbids_when,
                    advice(&condition.reason)
                );
            }
        }
    }
    let shared = bound
        .iter()
        .flat_map(|each| &each.uses)
        .flat_map(|each| &each.conditions);
    let mut told = Vec::new();
    for condition in shared.filter(|condition| EVERYWHERE.contains(&condition.reason.policy.as_str())) {
        if !told.contains(&condition.reason.policy) {
            let lead = if told.is_empty() {
                "\nFor every use of terms\n"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "{lead}  {}: {}",
                condition.reason.policy,
                advice(&condition.reason)
            );
            told.push(condition.reason.policy.clone());
        }
    }
    text
}

/// The conditions of one use alone; those that forbid it anyway are told already.
fn conditions(explained: &Explanation) -> impl Iterator<Item = &Condition> {
    explained.conditions.iter().filter(|condition| {
        let policy = &condition.reason.policy;
        !EVERYWHERE.contains(&policy.as_str()) && explained.forbidden_by.iter().all(|reason| reason.policy != *policy)
    })
}

/// A rule with the fact that it reads, and the clause.
fn rule(reason: &Reason) -> String {
    let fact = reason
        .fact
        .zip(reason.value)
        .map(|(fact, value)| format!(": {fact} = {value}"));
    let clause = reason.clause.as_ref().map(|clause| format!(", clause {clause}"));
    format!(
        "{}{}{}",
        reason.policy,
        fact.unwrap_or_default(),
        clause.unwrap_or_default()
    )
}

fn advice(reason: &Reason) -> &str {
    reason.advice.as_deref().unwrap_or_default()
}
