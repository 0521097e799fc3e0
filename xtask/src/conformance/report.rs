//! What a suite found, as JSON and as a table.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{Failure, machine};

/// One thing that a foreign program tried.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// What was tried.
    #[serde(rename = "row")]
    pub(super) tried: String,
    /// The foreign program.
    pub(super) client: String,
    /// Its version.
    pub(super) version: String,
    /// How many checks it made.
    pub(super) checks: u32,
    /// How many of them held.
    pub(super) passed: u32,
    /// Those that did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failed: Vec<String>,
}

/// What all clients of a suite tried.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
    /// One line for each client that could not be installed.
    pub(super) missing: Vec<String>,
}

/// What a foreign program prints: one JSON object.
#[derive(Debug, Deserialize)]
struct Printed {
    client: String,
    version: String,
    rows: Vec<PrintedRow>,
}

#[derive(Debug, Deserialize)]
struct PrintedRow {
    row: String,
    checks: u32,
    passed: u32,
    #[serde(default)]
    failed: Vec<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    machine: String,
    commit: String,
    rows: &'a [Row],
    missing: &'a [String],
}

impl Row {
    /// Whether something was checked and all of it held.
    fn holds(&self) -> bool {
        self.checks > 0 && self.passed == self.checks
    }
}

impl Outcome {
    /// Adds the rows that a client printed as the last line of its stdout.
    pub(super) fn add_printed(&mut self, stdout: &str) -> Result<(), Failure> {
        let last = stdout.trim_end().lines().next_back().unwrap_or("");
        let printed: Printed = serde_json::from_str(last).map_err(Failure::at("what the client printed"))?;
        self.rows.extend(printed.rows.into_iter().map(|each| Row {
            tried: each.row,
            client: printed.client.clone(),
            version: printed.version.clone(),
            checks: each.checks,
            passed: each.passed,
            failed: each.failed,
        }));
        Ok(())
    }

    /// Whether there are rows and all of them hold.
    pub(super) fn holds(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(Row::holds)
    }

    /// Writes `target/conformance/NAME.json` below the root.
    #[expect(
        clippy::disallowed_methods,
        reason = "a report may be torn: it is made anew by each run"
    )]
    pub(super) fn write(&self, root: &Path, name: &str) -> Result<(), Failure> {
        let folder = root.join("target/conformance");
        let path = folder.join(format!("{name}.json"));
        let written = Written {
            machine: machine::describe(),
            commit: machine::commit(root),
            rows: &self.rows,
            missing: &self.missing,
        };
        let text = serde_json::to_string_pretty(&written).map_err(Failure::at(path.display()))?;
        fs::create_dir_all(&folder).map_err(Failure::at(folder.display()))?;
        fs::write(&path, text + "\n").map_err(Failure::at(path.display()))
    }

    /// The same as a table.
    pub(super) fn print(&self, out: &mut impl Write, name: &str) -> io::Result<()> {
        let width = |of: fn(&Row) -> &str| self.rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let (first, second) = (width(|row| &row.tried), width(|row| &row.client));
        let third = width(|row| &row.version);
        for row in &self.rows {
            let mark = if row.holds() { "ok  " } else { "FAIL" };
            let Row {
                tried,
                client,
                version,
                checks,
                passed,
                failed,
            } = row;
            writeln!(
                out,
                "{mark}  {tried:first$}  {client:second$}  {version:third$}  {passed} of {checks}"
            )?;
            for check in failed {
                writeln!(out, "        {check}")?;
            }
        }
        for missing in &self.missing {
            writeln!(out, "not run: {missing}")?;
        }
        let held = self.rows.iter().filter(|row| row.holds()).count();
        writeln!(
            out,
            "conformance {name}: {held} of {} rows hold; target/conformance/{name}.json",
            self.rows.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(printed: &str) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.add_printed(printed).unwrap();
        outcome
    }

    #[test]
    fn holds_where_all_checks_were_made_and_held() {
        let line = |passed| {
            format!(
                r#"noise{}{{"client":"c","version":"1","rows":[{{"row":"r","checks":2,"passed":{passed}}}]}}"#,
                "\n"
            )
        };
        assert!(outcome(&line(2)).holds());
        assert!(!outcome(&line(1)).holds());
    }

    #[test]
    fn nothing_tried_is_nothing_passed() {
        assert!(!Outcome::default().holds());
        assert!(!outcome(r#"{"client":"c","version":"1","rows":[]}"#).holds());
        assert!(!outcome(r#"{"client":"c","version":"1","rows":[{"row":"r","checks":0,"passed":0}]}"#).holds());
    }

    #[test]
    fn the_table_names_what_failed_and_what_is_missing() {
        let printed = r#"{"client":"c","version":"1","rows":[{"row":"r","checks":2,"passed":1,"failed":["the id"]}]}"#;
        let mut outcome = outcome(printed);
        outcome.missing.push("go: not installed".to_owned());
        let mut table = Vec::new();
        outcome.print(&mut table, "gateway").unwrap();
        let expected = "FAIL  r  c  1  1 of 2\n        the id\nnot run: go: not installed\nconformance gateway: 0 of 1 rows hold; target/conformance/gateway.json\n";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
    }
}
