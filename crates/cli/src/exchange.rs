//! `exchange`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cultivar_record::{ConversationId, ErasureReason, ExchangeId, Timestamp};

/// `exchange`.
#[derive(Debug, Subcommand)]
pub enum ExchangeCommand {
    /// List recorded calls, oldest first
    List {
        /// Those that began from this moment on, for instance 2026-12-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Those after this one
        #[arg(long, value_name = "ID")]
        after: Option<ExchangeId>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show one
    Show {
        /// Its id: the `x-request-id` of its answer
        id: ExchangeId,
    },
    /// Destroy what was said in exchanges, and the salts of their commitments; the ledger keeps its entries and says so
    Erase(EraseArgs),
    /// Compare with a provider's own usage report: names every call and token that is not on both sides
    #[command(
        after_help = "Reports: single calls (request_id,model,timestamp,prompt_tokens,completion_tokens), OpenAI's \
                            completions usage, Azure's cost and usage details, each as CSV."
    )]
    Reconcile(ReconcileArgs),
}

/// `exchange erase`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "conversation", "org"]))]
pub struct EraseArgs {
    /// Exchanges, by id
    #[arg(value_name = "ID")]
    pub ids: Vec<ExchangeId>,
    /// All exchanges of a conversation
    #[arg(long, value_name = "ID")]
    pub conversation: Option<ConversationId>,
    /// All exchanges of an organisation
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,
    /// Of the organisation's, those that began before this moment
    #[arg(long, value_name = "TIME", requires = "org")]
    pub before: Option<Timestamp>,
    /// Why: person-asked, contract, retention-ended, unlawful or ordered
    #[arg(long, value_name = "CLASS")]
    pub reason: ErasureReason,
    /// The legal basis; its digest alone is kept
    #[arg(long, value_name = "TEXT")]
    pub basis: String,
    /// Who decided it
    #[arg(long, value_name = "WHO")]
    pub by: String,
}

/// `exchange reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// The provider's usage report
    #[arg(long, value_name = "FILE")]
    pub usage: PathBuf,
    /// Compare calls to this provider alone [default: every one outside this program]
    #[arg(long = "provider", value_name = "NAME")]
    pub providers: Vec<String>,
    /// What the report calls the model of a deployment
    #[arg(long = "model", value_name = "DEPLOYMENT=MODEL", value_parser = renamed)]
    pub models: Vec<(String, String)>,
    /// The report is complete from this moment on [default: from its first line]
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// And until this one [default: until its last line]
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
}

fn renamed(text: &str) -> Result<(String, String), String> {
    let (deployment, model) = text.split_once('=').ok_or("write it as DEPLOYMENT=MODEL")?;
    Ok((deployment.to_owned(), model.to_owned()))
}
