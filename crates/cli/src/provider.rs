//! `provider`.

use clap::{Args, Subcommand};
use cultivar_record::{Market, ProviderKind, TermsKey};

/// `provider`.
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// Register a provider, or bring one up to date
    Add(ProviderAddArgs),
    /// List the providers
    List,
    /// Show one provider with its terms
    Show {
        /// Its name
        name: String,
    },
    /// Remove a provider; its exchanges stay
    Remove {
        /// Its name
        name: String,
    },
}

/// `provider add`.
#[derive(Debug, Args)]
pub struct ProviderAddArgs {
    /// Its name, which is also the model's name at the gateway unless `--model` says otherwise
    pub name: String,
    /// How it is spoken to: openai, azure-openai, anthropic, gemini or recorded
    #[arg(long, default_value = "openai")]
    pub kind: ProviderKind,
    /// The model's name at the gateway; several providers may offer one
    #[arg(long)]
    pub model: Option<String>,
    /// The model's name at the provider
    #[arg(long)]
    pub provider_model: String,
    /// The API's base URL, for instance <https://api.example.com/v1>
    #[arg(long)]
    pub base_url: Option<String>,
    /// The environment variable that holds the key
    #[arg(long)]
    pub key_variable: Option<String>,
    /// The row of the terms register that binds its answers; several times where several bind together: the model's, its host's, an
    /// aggregator's
    #[arg(long, required = true)]
    pub terms: Vec<TermsKey>,
    /// Price per million prompt tokens, in millionths of a US dollar
    #[arg(long, default_value = "0", value_name = "MICROUSD")]
    pub prompt_price: u64,
    /// Price per million completion tokens, in millionths of a US dollar
    #[arg(long, default_value = "0", value_name = "MICROUSD")]
    pub completion_price: u64,
    /// A market in which it is offered; may be given several times [default: all]
    #[arg(long)]
    pub market: Vec<Market>,
    /// A market in which it stores and processes; may be given several times [default: unknown]
    #[arg(long, value_name = "MARKET")]
    pub residency: Vec<Market>,
    /// Its share among the candidates for the model [default: the cheapest is asked first]
    #[arg(long)]
    pub weight: Option<u32>,
    /// It bills a call that is cancelled: such a call is heard to its end
    #[arg(long)]
    pub bills_cancelled: bool,
}
