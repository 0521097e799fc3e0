//! The terms register: versions of documents as rows of facts, shipped as data; an organisation layers its own rows over it.

use std::collections::BTreeMap;

use cultivar_record::{Terms, TermsKey};
use serde::Deserialize;

use crate::{PolicyError, stack};

const SHIPPED: &str = include_str!("../data/terms.toml");
const OWN: &str = include_str!("../data/own.toml");

/// The key of the shipped row for models that the installation has trained itself.
pub const OWN_MODELS: &str = "own-models";

/// The version of the file's shape that this crate reads.
const SCHEMA_VERSION: u32 = 1;

/// The columns that `Terms` names; every other column of a row goes to `Terms::more`.
const COLUMNS: [&str; 20] = [
    "name",
    "kind",
    "party",
    "spdx",
    "licenseref",
    "train_any",
    "train_competing",
    "train_first_party",
    "noncommercial_only",
    "distilled_is_derivative",
    "flow_down",
    "attribution",
    "share_alike",
    "benchmark",
    "publish_outputs",
    "clause",
    "effective",
    "observed",
    "source",
    "confidence",
];

/// Rows of terms by key. The digest of a row is `cultivar_record::digest_of` over the row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    rows: BTreeMap<TermsKey, Terms>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u32,
    /// When the rows were put together; for people.
    #[serde(rename = "compiled", default)]
    _compiled: String,
    licence: BTreeMap<String, toml::Table>,
}

impl Register {
    /// The shipped register: 46 documents, and [`OWN_MODELS`].
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::parse(SHIPPED)?.layered(Self::parse(OWN)?)
    }

    /// A register from its TOML text. A fact that a row does not name is `unknown`, which permits nothing.
    ///
    /// # Errors
    /// `policy::register_unreadable`, or `policy::row_malformed` naming the first bad row.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let unreadable = |reason: String| PolicyError::RegisterUnreadable { reason };
        let file: File = toml::from_str(text).map_err(|error| unreadable(one_line(&error)))?;
        if file.schema_version != SCHEMA_VERSION {
            let found = file.schema_version;
            return Err(unreadable(format!(
                "`schema_version` is {found}, expected {SCHEMA_VERSION}"
            )));
        }
        let rows = file.licence.into_iter().map(|(key, table)| row(&key, table));
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
        })
    }

    /// This register with the rows of another one, for instance an organisation's own.
    ///
    /// # Errors
    /// `policy::row_duplicate` where both have a row of the same key.
    pub fn layered(mut self, local: Self) -> Result<Self, PolicyError> {
        for (key, terms) in local.rows {
            if self.rows.contains_key(&key) {
                return Err(PolicyError::RowDuplicate { row: key.to_string() });
            }
            self.rows.insert(key, terms);
        }
        Ok(self)
    }

    /// The row of a key.
    pub fn get(&self, key: &TermsKey) -> Option<&Terms> {
        self.rows.get(key)
    }

    /// All rows, by key.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Terms> {
        self.rows.values()
    }
}

fn row(key: &str, table: toml::Table) -> Result<(TermsKey, Terms), PolicyError> {
    let malformed = |reason: String| PolicyError::RowMalformed {
        row: key.to_owned(),
        reason,
    };
    let parsed: TermsKey = key.parse().map_err(|error| malformed(format!("{error}")))?;
    let (mut named, mut more) = (toml::Table::new(), BTreeMap::new());
    for (column, value) in table {
        if COLUMNS.contains(&column.as_str()) {
            named.insert(column, value);
        } else if column == "key" || column == "more" {
            return Err(malformed(format!(
                "`{column}` cannot be a column: the table's name is the key"
            )));
        } else {
            more.insert(column, json(value));
        }
    }
    named.insert("key".to_owned(), toml::Value::String(key.to_owned()));
    let mut terms = Terms::deserialize(named).map_err(|error| malformed(one_line(&error)))?;
    if terms.kind == stack::KIND || key.contains('+') {
        return Err(malformed(
            "rows that bind together are named by their keys, joined with `+`; a stack is no row".to_owned(),
        ));
    }
    terms.more = more;
    Ok((parsed, terms))
}

/// The JSON value of a TOML value; dates and times become text, numbers that JSON lacks become null.
fn json(value: toml::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(moment) => Value::String(moment.to_string()),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

fn one_line(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(", ")
}

#[cfg(test)]
mod tests {
    use cultivar_record::{Confidence, Fact, digest_of};

    use super::*;

    const ROW: &str = r#"
        schema_version = 1
        [licence.house-terms]
        name = "House terms"
        kind = "api-terms"
        party = "Example"
        effective = "2026-01-01"
        observed = "2026-11-24"
        source = "https://example.com/terms"
        confidence = "medium"
        train_any = "yes"
        mau_cap = 7
        seen = 2026-11-24
    "#;

    fn parse_with(from: &str, to: &str) -> Result<Register, PolicyError> {
        assert!(ROW.contains(from), "{from}");
        Register::parse(&ROW.replace(from, to))
    }

    #[test]
    fn every_shipped_row_parses_and_has_a_digest_of_its_own() {
        let register = Register::shipped().unwrap();
        assert_eq!(Register::parse(SHIPPED).unwrap().rows().len(), 46);
        assert_eq!(register.rows().len(), 47);
        let digests: std::collections::BTreeSet<_> = register.rows().map(|row| digest_of(row).unwrap()).collect();
        assert_eq!(digests.len(), 47);
        assert!(register.get(&OWN_MODELS.parse().unwrap()).is_some());
    }

    #[test]
    fn a_row_keeps_what_policies_do_not_read() {
        let register = Register::parse(ROW).unwrap();
        let terms = register.get(&"house-terms".parse().unwrap()).unwrap();
        assert_eq!(terms.key.as_str(), "house-terms");
        assert_eq!((terms.train_any, terms.train_competing), (Fact::Yes, Fact::Unknown));
        assert_eq!((terms.clause.as_str(), terms.confidence), ("", Confidence::Medium));
        assert_eq!(
            serde_json::to_value(&terms.more).unwrap(),
            serde_json::json!({"mau_cap": 7, "seen": "2026-11-24"})
        );
    }

    #[test]
    fn errors_name_the_row_and_the_column() {
        let cases = [
            (r#"train_any = "yes""#, r#"train_any = "maybe""#, "`maybe`"),
            (r#"party = "Example""#, "", "`party`"),
            (r#"confidence = "medium""#, r#"confidence = "sure""#, "`sure`"),
            ("mau_cap = 7", "more = 7", "`more`"),
        ];
        for (from, to, wanted) in cases {
            let error = parse_with(from, to).unwrap_err();
            let PolicyError::RowMalformed { row, reason } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(row, "house-terms");
            assert!(reason.contains(wanted) && !reason.contains('\n'), "{reason}");
        }
        let error = parse_with("licence.house-terms", "licence.House").unwrap_err();
        assert!(matches!(error, PolicyError::RowMalformed { row, .. } if row == "House"));
    }

    #[test]
    fn a_file_of_another_shape_is_refused() {
        for (from, to) in [
            ("schema_version = 1", "schema_version = 2"),
            ("schema_version = 1", ""),
            ("licence.", "license."),
        ] {
            let error = parse_with(from, to).unwrap_err();
            assert!(matches!(error, PolicyError::RegisterUnreadable { .. }), "{error:?}");
        }
    }

    #[test]
    fn local_rows_are_added_and_never_replace_shipped_ones() {
        let shipped = Register::shipped().unwrap();
        let layered = shipped.clone().layered(Register::parse(ROW).unwrap()).unwrap();
        assert_eq!(layered.rows().len(), 48);
        let clash = parse_with("licence.house-terms", "licence.mit").unwrap();
        let error = shipped.layered(clash).unwrap_err();
        assert_eq!(error, PolicyError::RowDuplicate { row: "mit".to_owned() });
    }
}
