//! `provider`: who serves models.

use cultivar_cli::{ProviderAddArgs, ProviderCommand};
use cultivar_policy::OWN_MODELS;
use cultivar_record::{Provider, ProviderKind, Terms, TermsKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    admin::{Ask, ask, object, part},
    config::Config,
    failure::{CliError, Failure},
    terminal::Terminal,
};

pub(crate) fn run(command: ProviderCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        ProviderCommand::List => {
            let providers: Vec<Provider> = ask(config, Ask::get("/api/providers"))?.rows()?;
            let lines: Vec<String> = providers.iter().map(line).collect();
            terminal.list(&lines, &providers, "no providers yet; see `cultivar provider --help`");
        }
        ProviderCommand::Show { name } => show(&name, config, terminal)?,
        ProviderCommand::Add(args) => add(args, config, terminal)?,
        ProviderCommand::Remove { name } => {
            ask(config, Ask::delete(format!("/api/providers/{}", part(&name))))?;
            let text = format!("removed `{name}`; its exchanges stay");
            terminal.result(&text, &json!({ "removed": name }));
        }
    }
    Ok(())
}

/// A provider and the terms that bind it.
#[derive(Serialize, Deserialize)]
struct Bound {
    provider: Provider,
    terms: Option<Terms>,
}

fn show(name: &str, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let found: Bound = ask(config, Ask::get(format!("/api/providers/{}", part(name))))?.json()?;
    let bound = found.terms.as_ref().map_or_else(
        || "unknown".to_owned(),
        |terms| match terms.clause.as_str() {
            "" => terms.name.clone(),
            clause => format!("{}, clause {clause}", terms.name),
        },
    );
    terminal.result(&format!("{}\nbound by {bound}", line(&found.provider)), &found);
    Ok(())
}

fn add(args: ProviderAddArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    if matches!(args.kind, ProviderKind::Openai | ProviderKind::AzureOpenai) && args.base_url.is_none() {
        return Err(CliError::Argument {
            reason: format!("a provider of kind `{}` needs `--base-url`", args.kind),
        }
        .into());
    }
    let (name, terms) = (args.name.clone(), TermsKey::stack(&args.terms));
    let is_own = terms.as_str() == OWN_MODELS;
    let registered: Value = ask(config, Ask::post("/api/providers", body(args)))?.json()?;
    let is_new = registered.get("new") == Some(&Value::Bool(true));
    let text = if is_new && is_own {
        format!("registered `{name}`: a model of your own, under nobody's terms but yours")
    } else if is_new {
        format!(
            "registered `{name}`; before it can be used, a person accepts its terms: `cultivar terms accept {terms} --by NAME`"
        )
    } else {
        format!("`{name}` was registered so before")
    };
    terminal.result(&text, &registered);
    Ok(())
}

fn body(args: ProviderAddArgs) -> Value {
    let price = json!({
        "prompt_per_million": args.prompt_price,
        "completion_per_million": args.completion_price,
    });
    object([
        ("name", Some(args.name.into())),
        ("kind", Some(json!(args.kind))),
        ("model", args.model.map(Value::from)),
        ("provider_model", Some(args.provider_model.into())),
        ("base_url", args.base_url.map(Value::from)),
        ("key_variable", args.key_variable.map(Value::from)),
        ("terms", Some(json!(TermsKey::stack(&args.terms)))),
        ("price", Some(price)),
        ("markets", Some(json!(args.market))),
        ("residency", Some(json!(args.residency))),
        ("weight", args.weight.map(Value::from)),
        ("bills_cancelled", Some(args.bills_cancelled.into())),
    ])
}

fn line(provider: &Provider) -> String {
    let place = match (provider.kind, provider.base_url.as_deref()) {
        (ProviderKind::Recorded, _) => "the embedded teacher",
        (ProviderKind::Local, _) => "this process",
        (_, url) => url.unwrap_or("its usual address"),
    };
    let markets: Vec<&str> = provider.markets.iter().map(cultivar_record::Market::as_str).collect();
    let offered = if markets.is_empty() {
        String::new()
    } else {
        format!(", for {}", markets.join(" "))
    };
    format!(
        "{:<20} model {:<20} of {place}, under {}{offered}",
        provider.name, provider.model, provider.terms
    )
}
