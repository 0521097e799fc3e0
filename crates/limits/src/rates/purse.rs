//! Money of one holder: what is spent, what is reserved, and who is told when.

use cultivar_record::{Budget, BudgetPeriod, MicroUsd, Timestamp};

use super::{HolderId, calendar, refusal::Wait};

/// A threshold of a budget that a call has crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertCrossed {
    /// Whose budget.
    pub holder: HolderId,
    /// The threshold, in percent of the amount.
    pub percent: u8,
    /// What is spent.
    pub spent: MicroUsd,
    /// Of how much.
    pub amount: MicroUsd,
    /// For how long.
    pub period: BudgetPeriod,
    /// When this period began.
    pub period_start: Timestamp,
}

/// What a holder has used of its money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// What settled calls cost.
    pub spent: MicroUsd,
    /// What calls under way may cost.
    pub reserved: MicroUsd,
}

/// The money that one call has reserved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pledge {
    /// When, but not before the period in which it counts.
    at: Timestamp,
    /// The period of the reservation, by its first moment.
    period_start: Timestamp,
    cost: MicroUsd,
}

/// A holder's money in its budget's current period. Without a budget, the money since this process began.
#[derive(Clone, Debug)]
pub(super) struct Purse {
    budget: Option<Budget>,
    start: Timestamp,
    /// Where the period ends. Reaching it, or another budget, looks into the calendar again.
    end: Option<Timestamp>,
    settled: bool,
    spent: i64,
    reserved: i64,
    /// Which thresholds were told in this period: one bit for each `u8`.
    told: [u64; 4],
    /// Whether `spent` was restored, and its thresholds are still to be counted as told.
    restored: bool,
}

impl Default for Purse {
    fn default() -> Self {
        Self {
            budget: None,
            start: Timestamp::from_micros(0),
            end: None,
            settled: false,
            spent: 0,
            reserved: 0,
            told: [0; 4],
            restored: false,
        }
    }
}

impl Purse {
    pub(super) fn restore(&mut self, start: Timestamp, spent: MicroUsd) {
        self.begin(start);
        self.spent = spent.get().max(0);
        self.told = [0; 4];
        self.restored = true;
        self.settled = false;
    }

    /// Takes note of the budget in force and of the time: a period that is over begins anew.
    pub(super) fn observe(&mut self, budget: Option<&Budget>, now: Timestamp) {
        if self.budget.as_ref() != budget {
            self.budget = budget.cloned();
            self.settled = false;
        }
        let Some(budget) = budget else {
            return;
        };
        let over = self.end.is_some_and(|end| now >= end);
        if self.settled && !over {
            return;
        }
        // A thread that read the clock just before midnight may come after one that read it later: never go back.
        let (start, end) = calendar::around(budget.period, now.max(self.start));
        self.begin(start);
        self.end = end;
        self.settled = true;
        if std::mem::take(&mut self.restored) {
            self.crossed(|_| ());
        }
    }

    fn begin(&mut self, start: Timestamp) {
        if start != self.start {
            self.start = start;
            self.spent = 0;
            self.reserved = 0;
            self.told = [0; 4];
            self.restored = false;
        }
    }

    pub(super) fn remaining(&self, budget: &Budget) -> MicroUsd {
        let used = self.spent.saturating_add(self.reserved);
        MicroUsd::new(budget.amount.get().saturating_sub(used).max(0))
    }

    pub(super) fn fits(&self, budget: &Budget, cost: MicroUsd) -> bool {
        let used = self.spent.saturating_add(self.reserved);
        used.saturating_add(cost.get().max(0)) <= budget.amount.get()
    }

    /// How long until the period ends.
    pub(super) fn wait(&self, budget: &Budget, cost: MicroUsd, now: Timestamp) -> Wait {
        if cost > budget.amount {
            return Wait::TooLarge;
        }
        let left = |end: Timestamp| end.micros().saturating_sub(now.micros()).max(0).unsigned_abs();
        self.end
            .map_or(Wait::Never, |end| Wait::Millis(left(end).div_ceil(1_000)))
    }

    pub(super) fn pledge(&mut self, cost: MicroUsd, now: Timestamp) -> Pledge {
        let cost = MicroUsd::new(cost.get().max(0));
        self.reserved = self.reserved.saturating_add(cost.get());
        Pledge {
            at: now.max(self.start),
            period_start: self.start,
            cost,
        }
    }

    /// Frees what was reserved, unless its period is over and nothing of it is reserved any more.
    pub(super) fn release(&mut self, pledge: Pledge) {
        if pledge.period_start == self.start {
            self.reserved = self.reserved.saturating_sub(pledge.cost.get()).max(0);
        }
    }

    /// Frees what was reserved and counts what the call cost, in the period in which it was reserved: a call that ends after
    /// midnight cannot overshoot the new day.
    pub(super) fn settle(&mut self, pledge: Pledge, cost: MicroUsd, holder: HolderId, alerts: &mut Vec<AlertCrossed>) {
        self.release(pledge);
        if pledge.at < self.start {
            return;
        }
        self.spent = self.spent.saturating_add(cost.get().max(0));
        let (spent, period_start) = (MicroUsd::new(self.spent), self.start);
        let Some((amount, period)) = self.budget.as_ref().map(|budget| (budget.amount, budget.period)) else {
            return;
        };
        self.crossed(|percent| {
            alerts.push(AlertCrossed {
                holder,
                percent,
                spent,
                amount,
                period,
                period_start,
            });
        });
    }

    /// Marks every threshold that the spend has reached as told, and names those that were not.
    fn crossed(&mut self, mut tell: impl FnMut(u8)) {
        let Some(budget) = &self.budget else {
            return;
        };
        for percent in &budget.alert_at_percent {
            let reached = i128::from(self.spent) * 100 >= i128::from(budget.amount.get()) * i128::from(*percent);
            let word = self.told.get_mut(usize::from(percent >> 6));
            if let Some(word) = word
                && reached
                && *word & (1 << (percent & 63)) == 0
            {
                *word |= 1 << (percent & 63);
                tell(*percent);
            }
        }
    }

    pub(super) const fn spend(&self) -> Spend {
        Spend {
            spent: MicroUsd::new(self.spent),
            reserved: MicroUsd::new(self.reserved),
        }
    }
}
