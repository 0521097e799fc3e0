//! `org`, `project`, `member`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cultivar_record::{Market, MemberRole, Retention, Standing, Timestamp};

use super::LimitArgs;

/// `org`.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Create an organisation
    Create {
        /// Its name
        name: String,
        /// What it begins with; `--market` is US unless you say otherwise
        #[command(flatten)]
        settings: OrganizationChangeArgs,
    },
    /// List the organisations
    List,
    /// Show one
    Show {
        /// Its name
        name: String,
    },
    /// Change one; what is not named stays
    Change {
        /// Its name
        name: String,
        /// What is changed
        #[command(flatten)]
        change: OrganizationChangeArgs,
        /// Lift its limits
        #[arg(long, conflicts_with_all = ["rpm", "tpm", "budget"])]
        no_limit: bool,
        /// Send alerts nowhere
        #[arg(long, conflicts_with = "alert_url")]
        no_alert_url: bool,
    },
    /// Put one into another standing; the next request sees it
    Standing(StandingArgs),
}

/// Settings of an organisation.
#[derive(Debug, Args)]
pub struct OrganizationChangeArgs {
    /// The market from which it asks: an ISO 3166 code or a group such as EU
    #[arg(long)]
    pub market: Option<Market>,
    /// How much of its conversations is kept: full, masked or hashes-only
    #[arg(long)]
    pub retention: Option<Retention>,
    /// A market in which its data must stay; may be given several times
    #[arg(long, value_name = "MARKET")]
    pub residency: Vec<Market>,
    /// Where alerts about its spending are sent
    #[arg(long, value_name = "URL")]
    pub alert_url: Option<String>,
    /// What all its keys together may use
    #[command(flatten)]
    pub limit: LimitArgs,
}

/// `org standing`.
#[derive(Debug, Args)]
pub struct StandingArgs {
    /// Its name
    pub name: String,
    /// active, warned, limited, suspended or terminated
    pub standing: Standing,
    /// Why, in words for the organisation
    #[arg(long, requires = "case_id")]
    pub reason: Option<String>,
    /// The case behind it
    #[arg(long, requires = "reason")]
    pub case_id: Option<String>,
    /// Until when it holds, for instance 2026-12-24T00:00:00Z
    #[arg(long, requires = "reason")]
    pub until: Option<Timestamp>,
    /// Where to object
    #[arg(long, value_name = "URL", requires = "reason")]
    pub appeal_url: Option<String>,
}

/// `project`.
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// Create a project
    Create {
        /// Its name
        name: String,
        /// What it begins with
        #[command(flatten)]
        settings: ProjectSettings,
    },
    /// Change one; what is not named stays
    Change {
        /// Its name
        name: String,
        /// What is changed
        #[command(flatten)]
        settings: ProjectSettings,
        /// Lift its limits
        #[arg(long, conflicts_with_all = ["rpm", "tpm", "budget"])]
        no_limit: bool,
    },
    /// List the projects
    List {
        /// The organisation
        #[arg(long, value_name = "NAME")]
        org: String,
    },
    /// Archive one: its keys are no longer served
    Archive {
        /// Its name
        name: String,
        /// The organisation
        #[arg(long, value_name = "NAME")]
        org: String,
    },
}

/// Settings of a project.
#[derive(Debug, Args)]
pub struct ProjectSettings {
    /// The organisation
    #[arg(long, value_name = "NAME")]
    pub org: String,
    /// The market from which it asks
    #[arg(long)]
    pub market: Option<Market>,
    /// The Ed25519 public key, base64, of the application that may claim a market for its users; empty for none
    #[arg(long, value_name = "BASE64")]
    pub claim_key: Option<String>,
    /// What all its keys together may use
    #[command(flatten)]
    pub limit: LimitArgs,
}

/// `member`.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Add a person, or give one other roles
    Add {
        /// The person's name
        name: String,
        /// The organisation
        #[arg(long, value_name = "NAME")]
        org: String,
        /// owner, administrator, approver, auditor, legal, privacy or safety; may be given several times
        #[arg(long, required = true)]
        role: Vec<MemberRole>,
    },
    /// List the people of an organisation
    List {
        /// The organisation
        #[arg(long, value_name = "NAME")]
        org: String,
    },
    /// Register the key with which a person signs; the secret half stays with the person
    Key {
        /// The person's name
        name: String,
        /// The organisation
        #[arg(long, value_name = "NAME")]
        org: String,
        /// Make a key and write the secret half here, readable by its owner only
        #[arg(
            long,
            value_name = "FILE",
            required_unless_present = "public",
            conflicts_with = "public"
        )]
        out: Option<PathBuf>,
        /// A public key that the person has: base64 of its 32 bytes, or a PEM file
        #[arg(long, value_name = "KEY|FILE")]
        public: Option<String>,
        /// Somebody else may have the key that this one replaces: what was signed with that one counts no longer
        #[arg(long)]
        lost: bool,
    },
    /// Remove a person; what the person did stays, what the person signed counts no longer
    Remove {
        /// The person's name
        name: String,
        /// The organisation
        #[arg(long, value_name = "NAME")]
        org: String,
    },
}
