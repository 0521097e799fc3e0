//! What was measured, as JSON and as a table.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde::Serialize;

use super::subject::Name;
use crate::{Failure, machine};

/// One figure of one subject.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// What was measured.
    #[serde(rename = "row")]
    pub(super) measured: &'static str,
    pub(super) subject: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    /// With whom it is compared, where that one ran.
    pub(super) peer: Option<&'static str>,
    pub(super) peer_value: Option<f64>,
    /// `value / peer_value`.
    pub(super) ratio: Option<f64>,
    /// What our door is held to.
    pub(super) goal: Option<String>,
    /// `None`: there is no goal, or nobody to compare with.
    pub(super) holds: Option<bool>,
    /// What measures it again.
    pub(super) command: String,
}

impl Row {
    pub(super) fn new(measured: &'static str, subject: Name, value: f64, unit: &'static str, command: &str) -> Self {
        Self {
            measured,
            subject: subject.text(),
            value,
            unit,
            peer: None,
            peer_value: None,
            ratio: None,
            goal: None,
            holds: None,
            command: command.to_owned(),
        }
    }

    /// Sets a peer's figure beside it, where there is one and it is another's.
    pub(super) fn compare(&mut self, peer: Name, value: Option<f64>) {
        if let Some(value) = value.filter(|_| peer.text() != self.subject) {
            self.peer = Some(peer.text());
            self.peer_value = Some(value);
            self.ratio = Some(self.value / value).filter(|ratio| ratio.is_finite());
        }
    }
}

/// What a run found.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) command: String,
    /// Who was measured, in which version.
    pub(super) subjects: Vec<(Name, String)>,
    pub(super) rows: Vec<Row>,
    /// One line for each subject that did not run.
    pub(super) missing: Vec<String>,
    /// What else there is to say.
    pub(super) notes: Vec<String>,
    /// Whether our door did not run, or its record does not verify.
    pub(super) broken: bool,
    /// The load of the machine before it began: of this the figures may suffer.
    load_average: String,
}

#[derive(Serialize)]
struct Written<'a> {
    machine: String,
    commit: String,
    load_average: &'a str,
    subjects: Vec<Subject<'a>>,
    rows: &'a [Row],
    missing: &'a [String],
    notes: &'a [String],
}

#[derive(Serialize)]
struct Subject<'a> {
    subject: &'static str,
    version: &'a str,
}

/// Width of a column of figures.
const COLUMN: usize = 14;

impl Outcome {
    pub(super) fn new(command: String) -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: Vec<&str> = load.split_whitespace().take(3).collect();
        Self {
            command,
            subjects: Vec::new(),
            rows: Vec::new(),
            missing: Vec::new(),
            notes: Vec::new(),
            broken: false,
            load_average: load.join(" "),
        }
    }

    /// Whether there are figures and no goal is missed. A goal of which a peer did not run is neither held nor missed.
    pub(super) fn holds(&self) -> bool {
        !self.rows.is_empty() && !self.broken && self.rows.iter().all(|row| row.holds != Some(false))
    }

    /// Writes `target/bench/NAME.json` below the root.
    #[expect(
        clippy::disallowed_methods,
        reason = "a report may be torn: it is made anew by each run"
    )]
    pub(super) fn write(&self, root: &Path, name: &str) -> Result<(), Failure> {
        let folder = root.join("target/bench");
        let path = folder.join(format!("{name}.json"));
        let subjects = self.subjects.iter();
        let written = Written {
            machine: machine::describe(),
            commit: machine::commit(root),
            load_average: &self.load_average,
            subjects: subjects
                .map(|(name, version)| Subject {
                    subject: name.text(),
                    version,
                })
                .collect(),
            rows: &self.rows,
            missing: &self.missing,
            notes: &self.notes,
        };
        let text = serde_json::to_string_pretty(&written).map_err(Failure::at(path.display()))?;
        fs::create_dir_all(&folder).map_err(Failure::at(folder.display()))?;
        fs::write(&path, text + "\n").map_err(Failure::at(path.display()))
    }

    /// The same as a table, then the goals, then what did not run.
    pub(super) fn print(&self, out: &mut impl Write, name: &str) -> io::Result<()> {
        self.print_table(out)?;
        writeln!(out)?;
        for row in self.rows.iter().filter(|row| row.goal.is_some()) {
            let mark = match row.holds {
                Some(true) => "ok  ",
                Some(false) => "FAIL",
                None => "?   ",
            };
            let goal = row.goal.as_deref().unwrap_or_default();
            let beside = match (row.peer, row.ratio) {
                (Some(peer), Some(ratio)) => format!(", {} times {peer}", digits(ratio)),
                _ => String::new(),
            };
            let value = format!("{} {}", digits(row.value), row.unit);
            writeln!(
                out,
                "{mark}  {}: {}{beside} (goal: {goal})",
                row.measured,
                value.trim_end()
            )?;
        }
        for missing in &self.missing {
            writeln!(out, "not run: {missing}")?;
        }
        for note in &self.notes {
            writeln!(out, "{note}")?;
        }
        let goals = || self.rows.iter().filter(|row| row.goal.is_some());
        let held = goals().filter(|row| row.holds == Some(true)).count();
        writeln!(
            out,
            "bench {name}: {held} of {} goals hold; load average {} at the start; target/bench/{name}.json",
            goals().count(),
            self.load_average
        )
    }

    fn print_table(&self, out: &mut impl Write) -> io::Result<()> {
        for (name, version) in &self.subjects {
            writeln!(out, "{:14}{version}", name.text())?;
        }
        let mut measured: Vec<(&str, &str)> = Vec::new();
        for row in &self.rows {
            if !measured.contains(&(row.measured, row.unit)) {
                measured.push((row.measured, row.unit));
            }
        }
        let first = measured.iter().map(|(row, _)| row.chars().count()).max().unwrap_or(0) + 4;
        write!(out, "\n{:first$}", "")?;
        for (name, _) in &self.subjects {
            write!(out, "{:>COLUMN$}", name.text())?;
        }
        writeln!(out)?;
        for (of, unit) in measured {
            write!(out, "{:first$}", format!("{of} {unit}"))?;
            for (name, _) in &self.subjects {
                let row = self
                    .rows
                    .iter()
                    .find(|row| row.measured == of && row.subject == name.text());
                write!(out, "{:>COLUMN$}", row.map_or("-".to_owned(), |row| digits(row.value)))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A figure with about four digits.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let mut outcome = Outcome::new("again".to_owned());
        "1.0".clone_into(&mut outcome.load_average);
        outcome.subjects = vec![(Name::Nginx, "1".to_owned()), (Name::Cultivar, "2".to_owned())];
        let mut ours = Row::new("speed", Name::Cultivar, 30.0, "/s", "again");
        ours.compare(Name::Nginx, Some(40.0));
        ours.goal = Some("at least 0.7 times nginx".to_owned());
        ours.holds = Some(true);
        outcome.rows = vec![Row::new("speed", Name::Nginx, 40.0, "/s", "again"), ours];
        outcome
    }

    #[test]
    fn nothing_measured_is_nothing_held() {
        assert!(!Outcome::new(String::new()).holds());
        let mut outcome = outcome();
        assert!(outcome.holds());
        outcome.broken = true;
        assert!(!outcome.holds());
    }

    #[test]
    fn a_missed_goal_does_not_hold_and_an_unanswered_one_does_not_count() {
        let mut outcome = outcome();
        outcome.rows[1].holds = None;
        assert!(outcome.holds());
        outcome.rows[1].holds = Some(false);
        assert!(!outcome.holds());
    }

    #[test]
    fn the_table_has_a_column_for_each_subject_and_says_the_goals() {
        let mut outcome = outcome();
        outcome.missing.push("portkey: no npm".to_owned());
        let mut table = Vec::new();
        outcome.print(&mut table, "gateway").unwrap();
        let expected = "\
nginx         1
cultivar      2

                  nginx      cultivar
speed /s             40            30

ok    speed: 30 /s, 0.750 times nginx (goal: at least 0.7 times nginx)
not run: portkey: no npm
bench gateway: 1 of 1 goals hold; load average 1.0 at the start; target/bench/gateway.json
";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
    }

    #[test]
    fn nobody_is_compared_with_oneself() {
        let mut row = Row::new("speed", Name::Nginx, 1.0, "/s", "again");
        row.compare(Name::Nginx, Some(1.0));
        row.compare(Name::Cultivar, None);
        assert_eq!((row.peer, row.ratio), (None, None));
    }
}
