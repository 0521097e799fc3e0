//! A bucket that refills continuously up to a minute's worth, in integers: nothing is lost to rounding.

/// One request or token, in the unit in which a bucket counts: one `per_minute`-th of it refills in a microsecond for each
/// unit of the limit. Equal to the microseconds of a minute.
const WHOLE: i128 = 60_000_000;

/// What is used of a minute's worth and not yet refilled. More than the whole where calls used more than they had reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    used: i128,
    per_minute: u64,
    /// Microseconds since the epoch.
    refilled_at: i64,
}

impl Bucket {
    /// Refills up to a moment at the rate that held until then, and goes on with this one. A moment before the last one
    /// changes nothing: threads may come to the lock in another order than they read the clock.
    pub(super) fn refill(&mut self, now: i64, per_minute: u64) {
        self.refill_until(now);
        self.per_minute = per_minute;
    }

    pub(super) fn refill_until(&mut self, now: i64) {
        let elapsed = now.saturating_sub(self.refilled_at).max(0);
        self.refilled_at = self.refilled_at.max(now);
        self.used = (self.used - i128::from(elapsed) * i128::from(self.per_minute)).max(0);
    }

    pub(super) fn fits(&self, count: u64) -> bool {
        self.used + i128::from(count) * WHOLE <= self.capacity()
    }

    pub(super) fn take(&mut self, count: u64) {
        self.used += i128::from(count) * WHOLE;
    }

    /// Gives back what was reserved and not used. Whether this happens before or after refilling makes no difference, so it
    /// needs no clock.
    pub(super) fn give_back(&mut self, count: u64) {
        self.used = (self.used - i128::from(count) * WHOLE).max(0);
    }

    pub(super) const fn per_minute(&self) -> u64 {
        self.per_minute
    }

    /// Whole requests or tokens that fit now.
    pub(super) fn remaining(&self) -> u64 {
        let free = (self.capacity() - self.used).max(0);
        u64::try_from(free / WHOLE).unwrap_or(u64::MAX)
    }

    /// Milliseconds until `count` fit, rounded up; `None` where they never do.
    pub(super) fn millis_until_fit(&self, count: u64) -> Option<u64> {
        if count > self.per_minute {
            return None;
        }
        self.millis_to_refill(self.used + i128::from(count) * WHOLE - self.capacity())
    }

    /// Milliseconds until nothing is used any more, rounded up; `None` where that never comes.
    pub(super) fn millis_until_full(&self) -> Option<u64> {
        self.millis_to_refill(self.used)
    }

    fn millis_to_refill(&self, missing: i128) -> Option<u64> {
        if missing <= 0 {
            return Some(0);
        }
        let per_milli = 1_000 * i128::from(self.per_minute);
        let whole = missing.checked_div(per_milli)?;
        let millis = whole + i128::from(missing % per_milli != 0);
        Some(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn capacity(&self) -> i128 {
        i128::from(self.per_minute) * WHOLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_refills_continuously_and_never_beyond_a_minute() {
        let mut bucket = Bucket::default();
        bucket.refill(0, 60);
        bucket.take(60);
        assert!(!bucket.fits(1));
        assert_eq!(bucket.millis_until_fit(1), Some(1_000));
        assert_eq!(bucket.millis_until_full(), Some(60_000));
        bucket.refill(999_999, 60);
        assert!(!bucket.fits(1));
        bucket.refill(1_000_000, 60);
        assert!(bucket.fits(1) && !bucket.fits(2));
        bucket.refill(600_000_000, 60);
        assert_eq!(bucket.remaining(), 60);
        assert_eq!(bucket.millis_until_fit(61), None);
    }

    #[test]
    fn a_clock_that_runs_backwards_refills_nothing_twice() {
        let mut bucket = Bucket::default();
        bucket.refill(10_000_000, 60);
        bucket.take(60);
        bucket.refill(5_000_000, 60);
        bucket.refill(10_000_000, 60);
        assert_eq!(bucket.remaining(), 0);
    }

    #[test]
    fn a_new_limit_holds_from_now_on_and_for_what_is_used() {
        let mut bucket = Bucket::default();
        bucket.refill(0, 60);
        bucket.take(60);
        bucket.refill(30_000_000, 90);
        assert_eq!(
            bucket.remaining(),
            60,
            "30 came back at the old rate; 30 of 90 are used"
        );
        bucket.refill(30_000_000, 0);
        assert_eq!((bucket.remaining(), bucket.millis_until_full()), (0, None));
    }
}
