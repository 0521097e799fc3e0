//! Proves what the policies never permit, about every request that there can be: Cedar's symbolic compiler asks the solver cvc5.
//!
//! Statements are bad cases (`statements/*.cedar`); a proof shows that no request is permitted both by the policies and by a bad
//! case. Packs (`crates/policy/packs/*.cedar`) must tighten: what policies and pack permit, the policies permit. Loosened copies of
//! rules (`loosened/*.cedar`) must be caught, with a request that shows it: a prover that accepts everything is noticed.
//!
//! What is proven is told on stderr; stdout is one JSON object for whoever counts. Exit code 1 where a statement is refuted or a loosening is not.

mod files;
mod prover;

use std::{error::Error, path::Path, process::ExitCode};

use cedar_policy::{PolicySet, Schema};

use crate::{
    files::{Rule, broken_by, join, read_folder, replaced, schema_of},
    prover::Prover,
};

/// What a step found: how many questions the solver answered, and what did not hold.
#[derive(Default)]
struct Tally {
    checks: u32,
    failed: Vec<String>,
}

impl Tally {
    fn count(&mut self, what: impl FnOnce() -> String, holds: bool) {
        self.checks += 1;
        if !holds {
            self.failed.push(what());
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policies = home.join("../crates/policy/policies");
    let schema = schema_of(&policies.join("schema.cedarschema"))?;
    let rules = read_folder(&policies)?;
    let base = join(&rules)?;
    let statements = read_folder(&home.join("statements"))?;
    let mut prover = Prover::new(&schema)?;

    let rows = [
        ("no rule ever fails", never_fails(&mut prover, &rules).await?),
        (
            "every use is permitted to somebody",
            possible(&mut prover, &base, &schema).await?,
        ),
        (
            "bad cases are never permitted",
            bad_cases(&mut prover, &base, &statements).await?,
        ),
        (
            "shipped packs only tighten",
            packs(&mut prover, &rules, &home.join("../crates/policy/packs")).await?,
        ),
        (
            "loosened rules are caught",
            loosened(&mut prover, &rules, &statements, &home.join("loosened")).await?,
        ),
    ];
    Ok(report(&rows))
}

async fn never_fails(prover: &mut Prover<'_>, rules: &[Rule]) -> Result<Tally, Box<dyn Error>> {
    let mut tally = Tally::default();
    for rule in rules {
        let holds = prover.never_fails(&rule.policy).await?;
        tally.count(|| format!("{} can fail", rule.id), holds);
    }
    Ok(tally)
}

/// A set of policies that forbids everything keeps every promise: so each action must be permitted to somebody.
async fn possible(prover: &mut Prover<'_>, base: &PolicySet, schema: &Schema) -> Result<Tally, Box<dyn Error>> {
    let mut tally = Tally::default();
    for environment in schema.request_envs() {
        let found = prover.permitted(base, &environment).await?;
        tally.count(
            || format!("{} is permitted to nobody", environment.action()),
            found.is_some(),
        );
    }
    Ok(tally)
}

async fn bad_cases(prover: &mut Prover<'_>, base: &PolicySet, statements: &[Rule]) -> Result<Tally, Box<dyn Error>> {
    let mut tally = Tally::default();
    for statement in statements {
        let bad = join(std::slice::from_ref(statement))?;
        for environment in statement.policy.get_valid_request_envs(prover.schema()) {
            let action = environment.action().id().unescaped().to_owned();
            let thinkable = prover.permitted(&bad, &environment).await?.is_some();
            tally.count(|| format!("{}: no {action} is such a case", statement.id), thinkable);
            let example = prover.permitted_by_both(base, &bad, &environment).await?;
            if let Some(example) = &example {
                eprintln!("REFUTED {} for {action}: {}\n{example}", statement.id, statement.says);
            } else {
                eprintln!("proven  {} for {action}: {}", statement.id, statement.says);
            }
            tally.count(
                || format!("{} is refuted for {action}", statement.id),
                example.is_none(),
            );
        }
    }
    Ok(tally)
}

async fn packs(prover: &mut Prover<'_>, rules: &[Rule], folder: &Path) -> Result<Tally, Box<dyn Error>> {
    let mut tally = Tally::default();
    let base = join(rules)?;
    for pack in files::in_folder(folder)? {
        let both = join(&replaced(rules, &files::read(&pack)?))?;
        let name = files::name(&pack);
        let example = prover.loosening(&both, &base).await?;
        match &example {
            Some((action, example)) => eprintln!("REFUTED {name} only tightens: it loosens {action}\n{example}"),
            None => eprintln!("proven  {name} only tightens"),
        }
        tally.count(|| format!("{name} loosens"), example.is_none());
        let differs = prover.loosening(&base, &both).await?;
        tally.count(|| format!("{name} changes nothing"), differs.is_some());
    }
    Ok(tally)
}

/// Each copy must be caught twice: it permits more than the policies do, and it breaks the statement that it names.
async fn loosened(
    prover: &mut Prover<'_>,
    rules: &[Rule],
    statements: &[Rule],
    folder: &Path,
) -> Result<Tally, Box<dyn Error>> {
    let mut tally = Tally::default();
    let base = join(rules)?;
    for file in files::in_folder(folder)? {
        let (name, copies) = (files::name(&file), files::read(&file)?);
        let loose = join(&replaced(rules, &copies))?;
        let example = prover.loosening(&loose, &base).await?;
        if let Some((action, example)) = &example {
            eprintln!("caught  {name}: it permits this {action}, which the policies forbid\n{example}");
        }
        tally.count(|| format!("{name} was taken for a tightening"), example.is_some());
        let broken = broken_by(&copies, statements)?;
        let (mut refuted, bad) = (None, join(std::slice::from_ref(broken))?);
        for environment in broken.policy.get_valid_request_envs(prover.schema()) {
            refuted = refuted.or(prover.permitted_by_both(&loose, &bad, &environment).await?);
        }
        if let Some(example) = &refuted {
            eprintln!("caught  {name}: it breaks {}\n{example}", broken.id);
        }
        tally.count(
            || format!("{name} was not seen to break {}", broken.id),
            refuted.is_some(),
        );
    }
    Ok(tally)
}

fn report(rows: &[(&str, Tally)]) -> ExitCode {
    let texts = rows.iter().map(|(tried, tally)| {
        for failed in &tally.failed {
            eprintln!("FAILED  {tried}: {failed}");
        }
        let failed: Vec<String> = tally.failed.iter().map(|text| format!("{text:?}")).collect();
        let (checks, passed) = (tally.checks, tally.checks as usize - tally.failed.len());
        format!(
            r#"{{"row":{tried:?},"checks":{checks},"passed":{passed},"failed":[{}]}}"#,
            failed.join(",")
        )
    });
    let texts: Vec<String> = texts.collect();
    println!(
        r#"{{"client":"cedar symcc and cvc5","version":"{}","rows":[{}]}}"#,
        prover::VERSION,
        texts.join(",")
    );
    if rows
        .iter()
        .all(|(_, tally)| tally.failed.is_empty() && tally.checks > 0)
    {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
