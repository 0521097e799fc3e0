//! Everything that one holder has used, under one lock.

use cultivar_record::{Limit, Timestamp};

use super::{
    Estimate, HolderId,
    bucket::Bucket,
    purse::{Pledge, Purse},
    refusal::{Exceeded, Obstacle, Wait},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: Bucket,
    pub(super) tokens: Bucket,
    pub(super) purse: Purse,
}

/// What a call has taken from a holder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Tokens taken from the bucket: none where tokens were not limited at that time.
    pub(super) tokens: u64,
    pub(super) pledge: Pledge,
}

impl Counters {
    pub(super) fn observe(&mut self, limit: &Limit, now: Timestamp) {
        if let Some(per_minute) = limit.requests_per_minute {
            self.requests.refill(now.micros(), per_minute);
        }
        if let Some(per_minute) = limit.tokens_per_minute {
            self.tokens.refill(now.micros(), per_minute);
        }
        self.purse.observe(limit.budget.as_ref(), now);
    }

    /// What would let the call through last, where something does not let it through now.
    pub(super) fn obstacle(
        &self,
        holder: HolderId,
        limit: &Limit,
        estimate: Estimate,
        now: Timestamp,
    ) -> Option<Obstacle> {
        let tokens = estimate.tokens.get();
        let requests = (limit.requests_per_minute.is_some() && !self.requests.fits(1)).then(|| Obstacle {
            holder,
            wait: Wait::of_bucket(&self.requests, 1),
            exceeded: Exceeded::Requests {
                limit: self.requests.per_minute(),
                remaining: self.requests.remaining(),
            },
        });
        let tokens = (limit.tokens_per_minute.is_some() && !self.tokens.fits(tokens)).then(|| Obstacle {
            holder,
            wait: Wait::of_bucket(&self.tokens, tokens),
            exceeded: Exceeded::Tokens {
                limit: self.tokens.per_minute(),
                remaining: self.tokens.remaining(),
                requested: estimate.tokens,
            },
        });
        let without_money = limit
            .budget
            .as_ref()
            .filter(|budget| !self.purse.fits(budget, estimate.cost));
        let money = without_money.map(|budget| Obstacle {
            holder,
            wait: self.purse.wait(budget, estimate.cost, now),
            exceeded: Exceeded::Budget {
                amount: budget.amount,
                remaining: self.purse.remaining(budget),
                requested: estimate.cost,
                period: budget.period,
            },
        });
        // Of equal waits the last one is kept: money is the hardest to wait for.
        [requests, tokens, money]
            .into_iter()
            .flatten()
            .max_by_key(|each| each.wait)
    }

    pub(super) fn take(&mut self, limit: &Limit, estimate: Estimate, now: Timestamp) -> Taken {
        if limit.requests_per_minute.is_some() {
            self.requests.take(1);
        }
        let tokens = limit.tokens_per_minute.map_or(0, |_| estimate.tokens.get());
        self.tokens.take(tokens);
        Taken {
            tokens,
            pledge: self.purse.pledge(estimate.cost, now),
        }
    }
}
