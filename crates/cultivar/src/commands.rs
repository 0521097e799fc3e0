//! Commands: one file each. Every one reads its arguments, calls one flow, prints one result.

mod approval;
mod build;
mod chat;
mod dataset;
mod demo;
mod doctor;
mod evidence;
mod exchange;
mod grant;
mod incident;
mod init;
mod key;
mod ledger;
mod member;
mod model;
mod organization;
mod policy;
mod project;
mod provider;
mod route;
mod serve;
mod terms;
mod usage;
mod witness;

use cultivar_cli::{Cli, Command};
use cultivar_record::Limit;

use crate::{
    config::Config,
    failure::{Exit, Failure},
    terminal::Terminal,
};

/// Runs a command.
pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut config = Config::read(cli.global.config.as_deref())?;
    config.data_dir = cli.global.data_dir.or(config.data_dir);
    match cli.command {
        Command::Demo(args) => demo::run(&args, &config, terminal),
        Command::Init(args) => init::run(&args, &config, terminal),
        Command::Serve(args) => serve::run(&args, &config, terminal),
        Command::Build(args) => build::run(&args, &config, terminal),
        Command::Chat(args) => chat::run(&args, &config, terminal),
        Command::Doctor => doctor::run(&config, terminal),
        Command::Provider(command) => provider::run(command, &config, terminal),
        Command::Org(command) => organization::run(command, &config, terminal),
        Command::Project(command) => project::run(command, &config, terminal),
        Command::Member(command) => member::run(command, &config, terminal),
        Command::Key(command) => key::run(command, &config, terminal),
        Command::Terms(command) => terms::run(command, &config, terminal),
        Command::Policy(command) => policy::run(command, &config, terminal),
        Command::Approval(command) => approval::run(command, &config, terminal),
        Command::Evidence(command) => evidence::run(command, &config, terminal),
        Command::Grant(command) => grant::run(command, &config, terminal),
        Command::Incident(command) => incident::run(command, &config, terminal),
        Command::Route(command) => route::run(command, &config, terminal),
        Command::Usage(args) => usage::run(&args, &config, terminal),
        Command::Exchange(command) => exchange::run(&command, &config, terminal),
        Command::Dataset(command) => dataset::run(&command, &config, terminal),
        Command::Model(command) => model::run(&command, &config, terminal),
        Command::Ledger(command) => ledger::run(&command, &config, terminal),
        Command::Witness(args) => witness::run(&args, terminal),
    }?;
    Ok(Exit::Done)
}

/// A limit in words; nothing where there is none.
fn limit_words(limit: &Limit) -> Option<String> {
    let requests = limit
        .requests_per_minute
        .map(|count| format!("{count} requests a minute"));
    let tokens = limit.tokens_per_minute.map(|count| format!("{count} tokens a minute"));
    let budget = limit.budget.as_ref();
    let budget = budget.map(|budget| format!("{} per {}", budget.amount, budget.period));
    let words: Vec<String> = [requests, tokens, budget].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}
