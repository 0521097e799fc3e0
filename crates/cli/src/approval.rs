//! `approval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cultivar_record::{ApprovalId, DutyKind, Market, Timestamp};

/// `approval`.
#[derive(Debug, Subcommand)]
pub enum ApprovalCommand {
    /// Print the statement that people sign: digests of the model, the evidence and the policies as they stand now
    Request(ApprovalRequestArgs),
    /// Sign a statement with your key and hand the signature in
    Sign {
        /// The statement's file, or the id of an approval that others have signed
        #[arg(value_name = "FILE|ID")]
        statement: String,
        /// Your secret key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Request and sign in one step, with the keys at hand
    Grant {
        /// What is approved
        #[command(flatten)]
        request: ApprovalRequestArgs,
        /// A secret key; may be given several times
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
    },
    /// List the approvals and how each stands
    List,
    /// Show one: who signed what, and what is missing
    Show {
        /// Its id
        id: ApprovalId,
    },
    /// Withdraw one, for good: the market closes at once
    Revoke {
        /// Its id
        id: ApprovalId,
        /// Who decided
        #[arg(long, value_name = "WHO")]
        by: String,
    },
}

/// What is approved.
#[derive(Debug, Args)]
pub struct ApprovalRequestArgs {
    /// The model, by its name at the gateway, or `name@version`
    pub model: String,
    /// The provider, where several answer under the name
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Where
    #[arg(long)]
    pub market: Market,
    /// The member who asks: that person's own signature does not count
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// Until when it holds, for instance 2026-12-24T00:00:00Z [default: as long as the market lets it]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<Timestamp>,
    /// The signers find that the model does not compete with those whose answers it learned from
    #[arg(long)]
    pub does_not_compete: bool,
    /// It is for noncommercial use only
    #[arg(long)]
    pub noncommercial: bool,
    /// What the terms of its ancestors ask for and the signers find to be done: attribution, `flow_down`, `share_alike` or caps; may
    /// be given several times
    #[arg(long, value_name = "DUTY", value_parser = duty)]
    pub fulfils: Vec<DutyKind>,
}

fn duty(text: &str) -> Result<DutyKind, String> {
    let known = DutyKind::ALL.into_iter().find(|duty| duty.as_str() == text);
    known.ok_or_else(|| format!("the duties are {}", DutyKind::ALL.map(DutyKind::as_str).join(", ")))
}
