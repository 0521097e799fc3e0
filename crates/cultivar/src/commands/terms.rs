//! `terms`: the terms register. Facts in our own words, not legal advice.

use std::fmt::Write as _;

use cultivar_gateway::Registered;
use cultivar_record::{FactName, Terms, digest_of};
use serde_json::json;

use crate::{
    cli::TermsCommand,
    config::Config,
    failure::{CliError, Failure},
    opened::{DEFAULT_ORGANIZATION, Opened, register, runtime},
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
        TermsCommand::Accept { key, by } => {
            return runtime()?.block_on(async {
                let opened = Opened::existing(config)?;
                let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
                let accepted = opened.gateway.accept_terms(&organization, &key, &by).await?;
                opened.close().await?;
                let text = match accepted {
                    Registered::New => format!("`{key}` is accepted for `{}` by {by}", organization.name),
                    Registered::Already => format!("`{key}` was accepted before"),
                };
                terminal.result(
                    &text,
                    &json!({ "terms": key, "accepted_by": by, "new": accepted == Registered::New }),
                );
                Ok(())
            });
        }
    }
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
