//! `grant`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cultivar_record::{FactName, GrantId, Market, TermsKey, Timestamp, UseAction};

/// `grant`.
#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// Print the statement that people sign: what a contract waives, for what, where and until when
    Draft(GrantDraftArgs),
    /// Sign a statement with your key and hand the signature in; the second one puts it in force
    Sign {
        /// The statement's file, or the id of a grant that somebody has signed
        #[arg(value_name = "FILE|ID")]
        statement: String,
        /// Your secret key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// List the grants and how each stands
    List,
    /// Show one: what it waives, and who signed
    Show {
        /// Its id
        id: GrantId,
    },
    /// Revoke one, for good: the next decision forbids again what stood on it
    Revoke {
        /// Its id
        id: GrantId,
        /// Who decided
        #[arg(long, value_name = "WHO")]
        by: String,
    },
}

/// What a contract says.
#[derive(Debug, Args)]
pub struct GrantDraftArgs {
    /// Who grants, as the register names the party of the terms
    #[arg(long)]
    pub party: String,
    /// The clause of the contract
    #[arg(long, value_name = "TEXT")]
    pub clause: String,
    /// The contract; its digest is recorded, the file stays with you
    #[arg(long, value_name = "FILE")]
    pub document: PathBuf,
    /// A fact that it waives, for instance `train_competing`; may be given several times
    #[arg(long, value_name = "FACT", required = true, value_parser = fact)]
    pub waives: Vec<FactName>,
    /// A row of terms whose fact that is; may be given several times
    #[arg(long, value_name = "ROW", required = true)]
    pub terms: Vec<TermsKey>,
    /// A model of the party whose answers it covers, by its name at the provider; may be given several times
    #[arg(long, value_name = "NAME", required = true)]
    pub model: Vec<String>,
    /// For which use: train, evaluate, release, `publish_dataset`, collect or infer; may be given several times
    #[arg(long, value_name = "USE", required = true, value_parser = action)]
    pub purpose: Vec<UseAction>,
    /// For which market; may be given several times
    #[arg(long, required = true)]
    pub market: Vec<Market>,
    /// Until when the contract runs, for instance 2027-12-24T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub expires: Timestamp,
    /// The member who writes it down
    #[arg(long, value_name = "WHO")]
    pub by: String,
}

fn fact(text: &str) -> Result<FactName, String> {
    let known = FactName::ALL.into_iter().find(|fact| fact.as_str() == text);
    known.ok_or_else(|| {
        let names = FactName::ALL.map(FactName::as_str).join(", ");
        format!("the facts are {names}")
    })
}

fn action(text: &str) -> Result<UseAction, String> {
    let read = serde_json::from_value(serde_json::Value::from(text));
    read.map_err(|_| "the uses are infer, collect, train, evaluate, publish_dataset and release".to_owned())
}
