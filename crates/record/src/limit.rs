//! Limits: what a key, a project or an organisation may use. `None` is unlimited.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{MicroUsd, RecordError};

/// What one holder may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What it may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute, of requests and answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
}

impl Limit {
    /// Whether nothing is limited.
    pub const fn is_none(&self) -> bool {
        self.budget.is_none() && self.requests_per_minute.is_none() && self.tokens_per_minute.is_none()
    }
}

/// Money for a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// At which shares of the amount, in percent, somebody is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alert_at_percent: Vec<u8>,
    /// How much.
    pub amount: MicroUsd,
    /// For how long.
    pub period: BudgetPeriod,
}

/// When a budget begins anew: at UTC midnight, on the first of the month in UTC, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetPeriod {
    /// A calendar day.
    Day,
    /// A calendar month.
    Month,
    /// For ever.
    Total,
}

impl BudgetPeriod {
    /// The name on the command line and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

impl fmt::Display for BudgetPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BudgetPeriod {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Day, Self::Month, Self::Total]
            .into_iter()
            .find(|period| period.as_str() == text)
            .ok_or_else(|| RecordError::malformed("budget period", text, "no such period", "day, month or total"))
    }
}
