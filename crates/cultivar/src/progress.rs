//! What a build tells, on the terminal: a live line where there is one, plain lines now and then where there is none.

use std::sync::{Mutex, PoisonError};

use cultivar_pipeline::{Progress, Update};
use cultivar_record::{Ambient, Timestamp, Verdict};
use miette::Diagnostic;
use serde_json::json;

use crate::{system::System, terminal::Terminal};

/// Milliseconds between two plain lines where no line can be drawn again.
const PLAIN_EVERY_MS: u64 = 10_000;
/// The same for those who want to hear more.
const VERBOSE_EVERY_MS: u64 = 1_000;
/// Milliseconds between two drawings of the live line.
const LIVE_EVERY_MS: u64 = 100;

/// Tells a build's progress on a terminal.
pub(crate) struct TerminalProgress {
    terminal: Terminal,
    stage: Mutex<u32>,
    last: Mutex<Timestamp>,
}

impl TerminalProgress {
    /// On this terminal; the stages before the first are counted as done.
    pub(crate) fn new(terminal: &Terminal, stages_before: u32) -> Self {
        Self {
            terminal: terminal.clone(),
            stage: Mutex::new(stages_before),
            last: Mutex::new(Timestamp::from_micros(0)),
        }
    }

    fn is_due(&self, is_last: bool) -> bool {
        let every = match (self.terminal.is_live(), self.terminal.is_verbose()) {
            (true, _) => LIVE_EVERY_MS,
            (false, true) => VERBOSE_EVERY_MS,
            (false, false) => PLAIN_EVERY_MS,
        };
        let now = System.now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = is_last || now.millis_since(*last) >= every;
        if is_due {
            *last = now;
        }
        is_due
    }
}

impl Progress for TerminalProgress {
    fn stage(&self, title: &str) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage += 1;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = System.now();
        if self.terminal.is_json() {
            self.terminal
                .say(&json!({ "stage": *stage, "title": title }).to_string());
        } else {
            self.terminal.heading(&format!("\n{}. {title}", *stage));
        }
    }

    fn update(&self, update: &Update<'_>) {
        if !self.is_due(update.total.is_some_and(|total| update.done >= total)) {
            return;
        }
        let Update {
            unit,
            done,
            total,
            rate,
            seconds_left,
            detail,
        } = *update;
        if self.terminal.is_json() {
            let line = json!({
                "unit": unit, "done": done, "total": total, "per_second": rate, "seconds_left": seconds_left, "detail": detail,
            });
            self.terminal.say(&line.to_string());
            return;
        }
        let detail = if detail.is_empty() {
            String::new()
        } else {
            format!("{detail}, ")
        };
        let of = total.map_or_else(String::new, |total| format!("/{total}"));
        let line = format!(
            "   {detail}{done}{of} {unit}, {rate:.0} {unit}/s, {} left",
            duration(seconds_left)
        );
        if self.terminal.is_live() {
            self.terminal.live(&line);
        } else {
            self.terminal.say(&line);
        }
    }

    fn fact(&self, text: &str) {
        if self.terminal.is_json() {
            self.terminal.say(&json!({ "fact": text }).to_string());
        } else {
            self.terminal.say(&format!("   {text}"));
        }
    }

    fn refused(&self, what: &str, verdict: &Verdict) {
        if self.terminal.is_json() {
            self.terminal
                .say(&json!({ "refused": what, "verdict": verdict }).to_string());
            return;
        }
        self.terminal.say(&format!(
            "   REFUSED: {} on {what}, under `{}`",
            verdict.action, verdict.terms
        ));
        for reason in &verdict.reasons {
            let fact = match (reason.fact, reason.value) {
                (Some(fact), Some(value)) => format!(": {fact} = {value}"),
                _ => String::new(),
            };
            self.terminal.say(&format!("     policy {}{fact}", reason.policy));
            if let Some(clause) = &reason.clause {
                self.terminal.say(&format!("     clause {clause}"));
            }
            if let Some(advice) = &reason.advice {
                self.terminal.say(&format!("     instead: {advice}"));
            }
        }
        self.terminal.say("     going on without it");
    }

    fn warning(&self, error: &dyn Diagnostic) {
        self.terminal.warning(error);
    }
}

fn duration(seconds: f64) -> String {
    if seconds >= 90.0 {
        format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    } else {
        format!("{seconds:.0} s")
    }
}
