//! `route`.

use clap::{Args, Subcommand};
use cultivar_record::{Market, Purpose};

/// `route`.
#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Say who is asked for a model from a market, and why not the others; nobody is asked
    Explain(ExplainArgs),
}

/// `route explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The model, by its name at the gateway
    #[arg(long)]
    pub model: String,
    /// From where [default: the organisation's market]
    #[arg(long)]
    pub market: Option<Market>,
    /// For which organisation [default: the one that runs the door]
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,
    /// What the key would be issued for: serve, collect or evaluate
    #[arg(long, default_value = "serve")]
    pub purpose: Purpose,
}
