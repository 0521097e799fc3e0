//! Commands: one file each. Every one reads its arguments, calls one flow, prints one result.

mod build;
mod chat;
mod dataset;
mod demo;
mod doctor;
mod init;
mod key;
mod ledger;
mod model;
mod provider;
mod serve;
mod terms;

use crate::{
    cli::{Cli, Command},
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
        Command::Key(command) => key::run(command, &config, terminal),
        Command::Terms(command) => terms::run(command, &config, terminal),
        Command::Dataset(command) => dataset::run(&command, &config, terminal),
        Command::Model(command) => model::run(&command, &config, terminal),
        Command::Ledger(command) => ledger::run(&command, &config, terminal),
    }?;
    Ok(Exit::Done)
}
