//! What a build tells while it runs.

use cultivar_record::{Ambient, Timestamp, Verdict};

/// Hears what happens. The terminal shows it; JSON output writes it as lines.
pub trait Progress: Send + Sync {
    /// A stage begins.
    fn stage(&self, title: &str);

    /// A long stage goes on.
    fn update(&self, update: &Update<'_>);

    /// Something is done or was found: a line that stays.
    fn fact(&self, text: &str);

    /// A use was refused; the build goes on without it.
    fn refused(&self, what: &str, verdict: &Verdict);

    /// Something is wrong that does not stop the build.
    fn warning(&self, error: &dyn miette::Diagnostic);
}

/// A moment of a long stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update<'a> {
    /// What is counted.
    pub unit: &'a str,
    /// So many are done.
    pub done: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
    /// Per second.
    pub rate: f64,
    /// Seconds until the end at this rate.
    pub seconds_left: f64,
    /// What else is known, for instance `loss 1.93`.
    pub detail: &'a str,
}

/// Measures the rate of a stage.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    since: Timestamp,
    total: u64,
}

impl Rate {
    /// A stage of `total` units begins now.
    pub fn start(ambient: &dyn Ambient, total: u64) -> Self {
        Self {
            since: ambient.now(),
            total,
        }
    }

    /// Seconds since the beginning.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a stage are far below 2^52")]
    pub fn seconds(&self, ambient: &dyn Ambient) -> f64 {
        ambient.now().millis_since(self.since) as f64 / 1_000.0
    }

    /// The update after `done` units.
    #[expect(clippy::cast_precision_loss, reason = "counts of a stage are far below 2^52")]
    pub fn update<'a>(&self, ambient: &dyn Ambient, unit: &'a str, done: u64, detail: &'a str) -> Update<'a> {
        let rate = done as f64 / self.seconds(ambient).max(0.001);
        let seconds_left = if rate > 0.0 {
            self.total.saturating_sub(done) as f64 / rate
        } else {
            0.0
        };
        Update {
            unit,
            done,
            total: Some(self.total),
            rate,
            seconds_left,
            detail,
        }
    }
}
