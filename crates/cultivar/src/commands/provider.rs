//! `provider`: who serves models.

use cultivar_gateway::{NewProvider, Registered};
use cultivar_record::{Price, Provider, ProviderKind};
use cultivar_store::tables;
use serde_json::json;

use crate::{
    cli::{ProviderAddArgs, ProviderCommand},
    config::Config,
    failure::{CliError, Failure},
    opened::{DEFAULT_ORGANIZATION, Opened, look, register, runtime},
    terminal::Terminal,
};

pub(crate) fn run(command: ProviderCommand, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        ProviderCommand::List => {
            let providers = look(config)?.1.read(tables::provider::list)?;
            let lines: Vec<String> = providers.iter().map(line).collect();
            terminal.list(&lines, &providers, "no providers yet; see `cultivar provider --help`");
            Ok(())
        }
        ProviderCommand::Show { name } => show(&name, config, terminal),
        ProviderCommand::Add(args) => add(args, config, terminal),
        ProviderCommand::Remove { name } => runtime()?.block_on(async {
            let opened = Opened::existing(config)?;
            let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
            opened.gateway.remove_provider(organization.id, &name).await?;
            opened.close().await?;
            terminal.result(
                &format!("removed `{name}`; its exchanges stay"),
                &json!({ "removed": name }),
            );
            Ok(())
        }),
    }
}

fn show(name: &str, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let provider = look(config)?.1.read(|tx| tables::provider::by_name(tx, name))?;
    let provider = provider.ok_or_else(|| CliError::NotFound {
        what: "provider",
        name: name.to_owned(),
    })?;
    let register = register(config.terms.as_deref())?;
    let terms = register.get(&provider.terms);
    let bound = terms.map_or_else(
        || "unknown".to_owned(),
        |terms| format!("{}, clause {}", terms.name, terms.clause),
    );
    terminal.result(
        &format!("{}\nbound by {bound}", line(&provider)),
        &json!({ "provider": provider, "terms": terms }),
    );
    Ok(())
}

fn add(args: ProviderAddArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    if args.kind == ProviderKind::Openai && args.base_url.is_none() {
        return Err(CliError::Argument {
            reason: "a provider of kind `openai` needs `--base-url`".to_owned(),
        }
        .into());
    }
    runtime()?.block_on(async {
        let opened = Opened::existing(config)?;
        let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
        let name = args.name.clone();
        let model = args.model.unwrap_or_else(|| name.clone());
        let provider = NewProvider {
            base_url: args.base_url,
            key_variable: args.key_variable,
            price: Price { prompt_per_million: args.prompt_price, completion_per_million: args.completion_price },
            ..NewProvider::plain(&name, args.kind, &model, &args.provider_model, args.terms.clone())
        };
        let registered = opened.gateway.register_provider(organization.id, provider).await?;
        opened.close().await?;
        let text = match registered {
            Registered::New => format!(
                "registered `{name}`; before it can be used, a person accepts its terms: `cultivar terms accept {} --by NAME`",
                args.terms
            ),
            Registered::Already => format!("`{name}` was registered so before"),
        };
        terminal.result(&text, &json!({ "provider": name, "new": registered == Registered::New }));
        Ok(())
    })
}

fn line(provider: &Provider) -> String {
    let place = match (provider.kind, provider.base_url.as_deref()) {
        (ProviderKind::Recorded, _) => "the embedded teacher",
        (ProviderKind::Local, _) => "this process",
        (_, url) => url.unwrap_or("its usual address"),
    };
    format!(
        "{:<20} model {:<20} of {place}, under {}",
        provider.name, provider.model, provider.terms
    )
}
