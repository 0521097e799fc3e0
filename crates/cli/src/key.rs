//! `key`.

use clap::{Args, Subcommand};
use cultivar_record::{ApiKeyId, IpRange, Market, Purpose, Timestamp};

use super::LimitArgs;

/// `key`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; it is shown once
    Create(Box<KeyCreateArgs>),
    /// List the keys
    List {
        /// Those of one organisation
        #[arg(long, value_name = "NAME")]
        org: Option<String>,
    },
    /// Revoke a key; the next request with it is refused
    Revoke {
        /// Its id
        id: ApiKeyId,
    },
}

/// `key create`.
#[derive(Debug, Args)]
pub struct KeyCreateArgs {
    /// A name for people
    pub name: String,
    /// What it may be used for: serve, collect, evaluate or administer
    #[arg(long, default_value = "serve")]
    pub purpose: Purpose,
    /// The organisation [default: the one that runs the door]
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,
    /// A project of the organisation
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// The market from which it asks [default: the project's or the organisation's]
    #[arg(long)]
    pub market: Option<Market>,
    /// A model that may be asked with it; may be given several times [default: all]
    #[arg(long)]
    pub model: Vec<String>,
    /// Until when it is served, for instance 2026-12-24T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub expires: Option<Timestamp>,
    /// An address or range (CIDR) from which it is served; may be given several times [default: all]
    #[arg(long, value_name = "RANGE")]
    pub allow_ip: Vec<IpRange>,
    /// What may be used with it
    #[command(flatten)]
    pub limit: LimitArgs,
}
