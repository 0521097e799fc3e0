//! When a budget's period began and when it ends, in the UTC calendar.

use cultivar_record::{BudgetPeriod, Timestamp};
use jiff::{ToSpan, civil::Date, tz::Offset};

/// The first moment of the budget's period around `now`; the epoch for a budget that never begins anew.
pub fn period_start(period: BudgetPeriod, now: Timestamp) -> Timestamp {
    around(period, now).0
}

/// The first moment of the period around `now`, and the first after it; `None` for a period without an end.
pub(super) fn around(period: BudgetPeriod, now: Timestamp) -> (Timestamp, Option<Timestamp>) {
    let epoch = Timestamp::from_micros(0);
    let today = jiff::Timestamp::from_microsecond(now.micros()).map(|now| Offset::UTC.to_datetime(now).date());
    let Ok(today) = today else {
        return (epoch, None);
    };
    let (first, next) = match period {
        BudgetPeriod::Day => (today, today.checked_add(1.day())),
        BudgetPeriod::Month => (today.first_of_month(), today.first_of_month().checked_add(1.month())),
        BudgetPeriod::Total => return (epoch, None),
    };
    (midnight(first).unwrap_or(epoch), next.ok().and_then(midnight))
}

fn midnight(date: Date) -> Option<Timestamp> {
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(Timestamp::from_micros(midnight.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(period: BudgetPeriod, now: &str) -> (String, Option<String>) {
        let (first, next) = around(period, now.parse().unwrap());
        (first.to_string(), next.map(|next| next.to_string()))
    }

    #[test]
    fn days_and_months_are_those_of_the_calendar() {
        let midnight = |date: &str| format!("{date}T00:00:00.000000Z");
        for (period, now, first, next) in [
            (
                BudgetPeriod::Day,
                "2028-02-28T23:59:59.999999Z",
                "2028-02-28",
                "2028-02-29",
            ),
            (BudgetPeriod::Day, "2028-02-29T00:00:00Z", "2028-02-29", "2028-03-01"),
            (BudgetPeriod::Month, "2028-02-29T12:00:00Z", "2028-02-01", "2028-03-01"),
            (BudgetPeriod::Month, "2026-12-31T23:59:59Z", "2026-12-01", "2027-01-01"),
        ] {
            assert_eq!(bounds(period, now), (midnight(first), Some(midnight(next))), "{now}");
        }
        let ever = (midnight("1970-01-01"), None);
        assert_eq!(bounds(BudgetPeriod::Total, "2026-12-31T23:59:59Z"), ever);
    }

    #[test]
    fn the_last_day_that_a_timestamp_knows_has_a_period() {
        let last = Timestamp::from_micros(i64::MAX);
        let (first, next) = around(BudgetPeriod::Month, last);
        assert!(first <= last && next.is_none_or(|next| next >= last));
    }
}
