//! Lines and cells of a CSV file, found by the name of their column and read as what they should be.

use csv::{ReaderBuilder, StringRecord};
use cultivar_record::Timestamp;
use jiff::{civil, tz::Offset};

use crate::reconcile::ReconcileError;

/// Our names of columns, and theirs without case, spaces and underscores.
const NAMES: [(&str, &[&str]); 12] = [
    ("request_id", &["requestid", "id", "xrequestid"]),
    ("model", &["model", "modelname", "snapshotid"]),
    ("timestamp", &["timestamp", "created", "createdat", "time"]),
    ("prompt_tokens", &["prompttokens", "inputtokens"]),
    ("completion_tokens", &["completiontokens", "outputtokens"]),
    ("calls", &["nummodelrequests", "numrequests"]),
    ("start_time", &["starttime", "starttimeiso"]),
    ("end_time", &["endtime", "endtimeiso"]),
    ("date", &["date", "usagedate", "usagedatetime"]),
    ("meter_name", &["metername", "meter"]),
    ("unit_of_measure", &["unitofmeasure", "unit"]),
    ("quantity", &["quantity", "usagequantity", "consumedquantity"]),
];

/// A CSV file in memory.
pub(super) struct Table {
    header: Vec<String>,
    lines: Vec<StringRecord>,
}

/// A column that the file has.
#[derive(Clone, Copy)]
pub(super) struct Column {
    index: usize,
    name: &'static str,
}

/// One line.
pub(super) struct Row<'a> {
    /// Counted from 1.
    pub(super) line: u64,
    cells: &'a StringRecord,
}

impl Table {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ReconcileError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|error| not_csv(&error))?;
        let header = header.iter().map(|name| {
            let letters = name.chars().filter(char::is_ascii_alphanumeric);
            letters.collect::<String>().to_ascii_lowercase()
        });
        let header = header.collect();
        let lines = reader
            .records()
            .collect::<Result<_, _>>()
            .map_err(|error| not_csv(&error))?;
        Ok(Self { header, lines })
    }

    pub(super) fn has(&self, name: &'static str) -> bool {
        self.column(name).is_some()
    }

    pub(super) fn columns<const N: usize>(&self, names: [&'static str; N]) -> Result<[Column; N], ReconcileError> {
        let missing = names.into_iter().find(|name| !self.has(name));
        if let Some(column) = missing {
            return Err(ReconcileError::MissingColumn { column });
        }
        let nowhere = |name| Column {
            index: usize::MAX,
            name,
        };
        Ok(names.map(|name| self.column(name).unwrap_or(nowhere(name))))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lines.iter().map(|cells| Row {
            line: cells.position().map_or(0, csv::Position::line),
            cells,
        })
    }

    /// The first of the names under which a column is known that the file has.
    fn column(&self, name: &'static str) -> Option<Column> {
        let (_, theirs) = NAMES.iter().find(|(ours, _)| *ours == name)?;
        let index = theirs
            .iter()
            .find_map(|their| self.header.iter().position(|each| each == their))?;
        Some(Column { index, name })
    }
}

fn not_csv(error: &csv::Error) -> ReconcileError {
    ReconcileError::NotCsv {
        line: error.position().map_or(1, csv::Position::line),
    }
}

impl<'a> Row<'a> {
    pub(super) fn text(&self, column: Column) -> &'a str {
        self.cells.get(column.index).unwrap_or_default()
    }

    pub(super) const fn unreadable(&self, column: Column, expected: &'static str) -> ReconcileError {
        ReconcileError::Unreadable {
            line: self.line,
            column: column.name,
            expected,
        }
    }

    /// A whole number that is not negative; `3.0` is one too, as OpenAI writes its counts.
    pub(super) fn count(&self, column: Column) -> Result<i64, ReconcileError> {
        let text = self.text(column);
        let whole = match text.split_once('.') {
            Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
            _ => text,
        };
        let number = Some(whole).filter(|whole| whole.bytes().all(|b| b.is_ascii_digit()));
        let number = number.and_then(|whole| whole.parse().ok());
        number.ok_or_else(|| self.unreadable(column, "a whole number"))
    }

    /// A decimal number of units (`1K`, `1M`, `1`), to the nearest whole one.
    pub(super) fn quantity(&self, column: Column, unit: Column) -> Result<i64, ReconcileError> {
        let scale = scale(self.text(unit)).ok_or_else(|| self.unreadable(unit, "a unit such as 1, 1K or 1M"))?;
        let number = decimal(self.text(column), scale);
        number.ok_or_else(|| self.unreadable(column, "a decimal number"))
    }

    /// Seconds or milliseconds since the epoch, RFC 3339, or a date (`2026-11-24`, `11/24/2026`) with or without a time, in UTC.
    pub(super) fn time(&self, column: Column) -> Result<Timestamp, ReconcileError> {
        time(self.text(column)).ok_or_else(|| self.unreadable(column, "a time"))
    }
}

/// How many a unit stands for. `1K Tokens` is `1K`.
fn scale(unit: &str) -> Option<i128> {
    let first = unit.split_whitespace().next().unwrap_or_default();
    let digits = first.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let times = match first.get(digits.len()..)?.to_ascii_uppercase().as_str() {
        "" => 1,
        "K" => 1_000,
        "M" => 1_000_000,
        _ => return None,
    };
    let number: i128 = digits
        .parse()
        .ok()
        .filter(|number| (1..=1_000_000_000).contains(number))?;
    Some(number * times)
}

/// A decimal number times a scale, to the nearest whole number. Refunds are negative.
fn decimal(text: &str, scale: i128) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    // Twelve places are a millionth of a token where the unit is a million.
    let places = format!("{:0<12}", fraction.get(..12).unwrap_or(fraction));
    let parts: i128 = format!("{whole}{places}").parse().ok()?;
    let one = 1_000_000_000_000;
    let rounded = parts.checked_mul(scale)?.checked_add(one / 2)? / one;
    i64::try_from(sign * rounded).ok()
}

fn time(text: &str) -> Option<Timestamp> {
    if (9..=14).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        // Eleven digits of seconds reach into the year 5138; twelve of milliseconds begin in 1973.
        let scale = if text.len() <= 11 { 1_000_000 } else { 1_000 };
        return Some(Timestamp::from_micros(text.parse::<i64>().ok()? * scale));
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let date = civil::Date::strptime("%m/%d/%Y", text).map(|date| date.at(0, 0, 0, 0));
    let civil = date.or_else(|_| text.parse::<civil::DateTime>()).ok()?;
    let moment = Offset::UTC.to_timestamp(civil).ok()?;
    Some(Timestamp::from_micros(moment.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_providers_write_them() {
        for (text, read) in [
            ("1761523200", "2025-10-27T00:00:00.000000Z"),
            ("1761523200123", "2025-10-27T00:00:00.123000Z"),
            ("2025-10-27T00:00:00+00:00", "2025-10-27T00:00:00.000000Z"),
            ("2025-10-27T02:30:00+02:00", "2025-10-27T00:30:00.000000Z"),
            ("2025-10-27 10:30:45", "2025-10-27T10:30:45.000000Z"),
            ("2025-10-27", "2025-10-27T00:00:00.000000Z"),
            ("10/27/2025", "2025-10-27T00:00:00.000000Z"),
        ] {
            assert_eq!(time(text).map(|time| time.to_string()).as_deref(), Some(read), "{text}");
        }
        for wrong in ["", "yesterday", "27.10.2025", "13/27/2025", "12"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn quantities_are_scaled_and_rounded_without_floating_point() {
        for (text, unit, tokens) in [
            ("1.2345", "1K", 1_235),
            ("0.1", "1K", 100),
            ("12.3456789", "1M", 12_345_679),
            ("7", "1", 7),
            ("3.5", "1K Tokens", 3_500),
            (".5", "1000", 500),
            ("-1", "1K", -1_000),
        ] {
            assert_eq!(decimal(text, scale(unit).unwrap()), Some(tokens), "{text} {unit}");
        }
        for wrong in ["", ".", "1e3", "1,000", "--1"] {
            assert_eq!(decimal(wrong, 1), None, "{wrong}");
        }
        for wrong in ["", "Hours", "K", "1G", "0K", "1,000"] {
            assert_eq!(scale(wrong), None, "{wrong}");
        }
    }
}
