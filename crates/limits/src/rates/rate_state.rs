//! What a caller is told about its limits per minute: the numbers of the `x-ratelimit-*` headers.

use std::{fmt::Write as _, time::Duration};

use super::{bucket::Bucket, reservation::Held};

/// Requests and tokens at the holder with the least left of each; `None` where nothing is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateState {
    /// For `x-ratelimit-…-requests`.
    pub requests: Option<RateWindow>,
    /// For `x-ratelimit-…-tokens`.
    pub tokens: Option<RateWindow>,
}

/// One limit per minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateWindow {
    /// So many per minute.
    pub limit: u64,
    /// So many now.
    pub remaining: u64,
    /// Until all of them are there again, in whole milliseconds; [`Duration::MAX`] where that never comes.
    pub reset: Duration,
}

impl RateState {
    pub(super) fn tightest(held: &[Held]) -> Self {
        Self {
            requests: tightest(held.iter().filter_map(|held| held.requests.as_ref())),
            tokens: tightest(held.iter().filter_map(|held| held.tokens.as_ref())),
        }
    }
}

fn tightest<'a>(buckets: impl Iterator<Item = &'a Bucket>) -> Option<RateWindow> {
    let windows = buckets.map(|bucket| RateWindow {
        limit: bucket.per_minute(),
        remaining: bucket.remaining(),
        reset: bucket.millis_until_full().map_or(Duration::MAX, Duration::from_millis),
    });
    windows.min_by_key(|window| (window.remaining, std::cmp::Reverse(window.reset)))
}

/// A duration as Go writes it, which is how `x-ratelimit-reset-*` come: `6m0s`, `12ms`, `1m30.951s`.
/// Source: `Duration.String` in the documentation of Go's package `time`.
pub fn go_duration(duration: Duration) -> String {
    let nanos = u64::from(duration.subsec_nanos());
    match (duration.as_secs(), nanos) {
        (0, 0) => return "0s".to_owned(),
        (0, ..1_000) => return format!("{nanos}ns"),
        (0, ..1_000_000) => return decimal(nanos / 1_000, nanos % 1_000, 3) + "µs",
        (0, _) => return decimal(nanos / 1_000_000, nanos % 1_000_000, 6) + "ms",
        _ => {}
    }
    let (hours, minutes) = (duration.as_secs() / 3_600, duration.as_secs() / 60 % 60);
    let mut text = String::new();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    text + &decimal(duration.as_secs() % 60, nanos, 9) + "s"
}

/// A number with its decimal places, without trailing zeros.
fn decimal(whole: u64, fraction: u64, places: usize) -> String {
    let text = format!("{whole}.{fraction:0places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of Go's documentation: leading zero units are left out, below a second a smaller unit is used so that the
    /// first digit is not zero, zero is `0s`.
    #[test]
    fn durations_are_written_as_go_writes_them() {
        let (micro, milli, second, minute) = (1_000, 1_000_000, 1_000_000_000, 60_000_000_000);
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (999, "999ns"),
            (micro, "1µs"),
            (1_100, "1.1µs"),
            (999_999, "999.999µs"),
            (milli, "1ms"),
            (2_200_000, "2.2ms"),
            (12 * milli, "12ms"),
            (100 * milli, "100ms"),
            (999_999_999, "999.999999ms"),
            (second, "1s"),
            (10 * second, "10s"),
            (3_300_000_000, "3.3s"),
            (6 * second + 60 * milli, "6.06s"),
            (59 * second + 999_999_999, "59.999999999s"),
            (minute, "1m0s"),
            (6 * minute, "6m0s"),
            (minute + 30_951 * milli, "1m30.951s"),
            (4 * minute + 5 * second + milli, "4m5.001s"),
            (60 * minute, "1h0m0s"),
            (5 * 60 * minute + 6 * minute + 7 * second + milli, "5h6m7.001s"),
            (100 * 60 * minute + second, "100h0m1s"),
            (u64::try_from(i64::MAX).unwrap(), "2562047h47m16.854775807s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
        }
    }
}
