//! Limits on the command line.

use clap::Args;
use cultivar_record::BudgetPeriod;
use serde_json::{Value, json};

/// What a key, a project or an organisation may use.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Requests per minute
    #[arg(long, value_name = "N")]
    pub rpm: Option<u64>,
    /// Tokens per minute, of requests and answers
    #[arg(long, value_name = "N")]
    pub tpm: Option<u64>,
    /// What may be spent in a period, in millionths of a US dollar
    #[arg(long, value_name = "MICROUSD")]
    pub budget: Option<u64>,
    /// When the budget begins anew: day, month or total
    #[arg(long, value_name = "PERIOD", default_value = "month", requires = "budget")]
    pub budget_period: BudgetPeriod,
    /// At which share of the budget the alert address is told; may be given several times
    #[arg(long, value_name = "PERCENT", requires = "budget", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub alert_at: Vec<u8>,
}

impl LimitArgs {
    /// The limit as the admin API takes it; nothing where none was given.
    pub fn to_value(&self) -> Option<Value> {
        if self.rpm.is_none() && self.tpm.is_none() && self.budget.is_none() {
            return None;
        }
        let budget = self
            .budget
            .map(|amount| json!({ "amount": amount, "period": self.budget_period, "alert_at_percent": self.alert_at }));
        Some(json!({ "budget": budget, "requests_per_minute": self.rpm, "tokens_per_minute": self.tpm }))
    }
}
