//! Why a call must wait: whose limit, which one, and for how long.

use cultivar_record::{BudgetPeriod, MicroUsd, TokenCount};
use thiserror::Error;

use super::{HolderId, RateState, bucket::Bucket};

/// A limit does not let a call through. Of several, the one that would let it through last: who waits for it does not wait
/// in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{}", self.explain())]
pub struct LimitRefusal {
    /// Whose limit.
    pub holder: HolderId,
    /// Which one, and what is left of it.
    pub exceeded: Exceeded,
    /// How long until the call would fit, if nobody else came.
    pub wait: Wait,
    /// How requests and tokens stand.
    pub rate: RateState,
}

/// Which limit, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Requests per minute.
    Requests {
        /// So many per minute.
        limit: u64,
        /// So many now.
        remaining: u64,
    },
    /// Tokens per minute.
    Tokens {
        /// So many per minute.
        limit: u64,
        /// So many now.
        remaining: u64,
        /// So many are needed at most.
        requested: TokenCount,
    },
    /// Money.
    Budget {
        /// For the period.
        amount: MicroUsd,
        /// Neither spent nor reserved.
        remaining: MicroUsd,
        /// What the call may cost.
        requested: MicroUsd,
        /// For how long.
        period: BudgetPeriod,
    },
}

/// How long until a call would fit. In the order in which a caller would like them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// In so many milliseconds; a budget: when its period ends.
    Millis(u64),
    /// Waiting is of no use: the budget never begins anew.
    Never,
    /// Waiting is of no use: the call by itself is larger than the whole limit.
    TooLarge,
}

impl Wait {
    pub(super) fn of_bucket(bucket: &Bucket, count: u64) -> Self {
        bucket.millis_until_fit(count).map_or(Self::TooLarge, Self::Millis)
    }
}

/// A refusal before it is known how the other holders stand.
pub(super) struct Obstacle {
    pub(super) holder: HolderId,
    pub(super) wait: Wait,
    pub(super) exceeded: Exceeded,
}

impl Obstacle {
    pub(super) const fn refusal(self, rate: RateState) -> LimitRefusal {
        LimitRefusal {
            holder: self.holder,
            exceeded: self.exceeded,
            wait: self.wait,
            rate,
        }
    }
}

impl LimitRefusal {
    fn explain(&self) -> String {
        let whose = match self.holder {
            HolderId::ApiKey(_) => "API key",
            HolderId::Project(_) => "project",
            HolderId::Organization(_) => "organisation",
        };
        let what = match self.exceeded {
            Exceeded::Requests { limit, remaining } => {
                format!("limit of {limit} requests per minute is reached, {remaining} are left")
            }
            Exceeded::Tokens {
                limit,
                remaining,
                requested,
            } => {
                let requested = requested.get();
                format!("limit of {limit} tokens per minute leaves {remaining}, and this request may need {requested}")
            }
            Exceeded::Budget {
                amount,
                remaining,
                requested,
                period,
            } => {
                let of = match period {
                    BudgetPeriod::Day => " a day",
                    BudgetPeriod::Month => " a month",
                    BudgetPeriod::Total => "",
                };
                format!("budget of {amount}{of} leaves {remaining}, and this request may cost {requested}")
            }
        };
        let advice = match self.wait {
            Wait::Millis(millis) => format!("try again in {millis} ms"),
            Wait::Never => "it does not begin anew: waiting does not help".to_owned(),
            Wait::TooLarge => "the request alone is larger than the limit: waiting does not help".to_owned(),
        };
        format!("the {whose}'s {what}; {advice}")
    }
}
