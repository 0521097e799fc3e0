//! What differs between two rows of terms: facts first, then what stands behind them.

use std::collections::BTreeSet;

use cultivar_record::{Fact, FactName, Terms};
use serde::Serialize;
use serde_json::Value;

/// One column in which two rows differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The column.
    pub column: String,
    /// What the first row says; null where it has no such column.
    pub before: Value,
    /// What the second row says.
    pub after: Value,
    /// For a fact: whether the second row lets less or more be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// What a changed fact means for whoever is bound by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Less is permitted, or more is owed.
    Stricter,
    /// More is permitted, or less is owed.
    Looser,
}

/// The columns in which two rows differ, facts first, in the register's order.
pub fn differences(before: &Terms, after: &Terms) -> Vec<Difference> {
    let facts = FactName::ALL.into_iter().map(|name| {
        let (one, other) = (before.fact(name), after.fact(name));
        let change = match strictness(name, one).cmp(&strictness(name, other)) {
            std::cmp::Ordering::Less => Some(Change::Stricter),
            std::cmp::Ordering::Greater => Some(Change::Looser),
            std::cmp::Ordering::Equal => None,
        };
        (
            name.as_str().to_owned(),
            one.as_str().into(),
            other.as_str().into(),
            change,
        )
    });
    let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
    let texts = [
        ("name", before.name.clone().into(), after.name.clone().into()),
        ("kind", before.kind.clone().into(), after.kind.clone().into()),
        ("party", before.party.clone().into(), after.party.clone().into()),
        ("spdx", text(&before.spdx), text(&after.spdx)),
        ("licenseref", text(&before.licenseref), text(&after.licenseref)),
        ("clause", before.clause.clone().into(), after.clause.clone().into()),
        (
            "effective",
            before.effective.clone().into(),
            after.effective.clone().into(),
        ),
        (
            "observed",
            before.observed.clone().into(),
            after.observed.clone().into(),
        ),
        ("source", before.source.clone().into(), after.source.clone().into()),
        ("confidence", confidence(before), confidence(after)),
    ];
    let texts = texts
        .into_iter()
        .map(|(name, one, other)| (name.to_owned(), one, other, None));
    let others: BTreeSet<&String> = before.more.keys().chain(after.more.keys()).collect();
    let value = |row: &Terms, column: &str| row.more.get(column).cloned().unwrap_or_default();
    let others = others
        .into_iter()
        .map(|column| (column.clone(), value(before, column), value(after, column), None));
    facts
        .chain(texts)
        .chain(others)
        .filter(|(_, one, other, _)| one != other)
        .map(|(column, before, after, change)| Difference {
            column,
            before,
            after,
            change,
        })
        .collect()
}

fn confidence(row: &Terms) -> Value {
    serde_json::to_value(row.confidence).unwrap_or_default()
}

/// How much a fact holds back, from 0. What is not known holds back most.
pub(crate) const fn strictness(name: FactName, fact: Fact) -> u8 {
    let permits = matches!(
        name,
        FactName::TrainAny
            | FactName::TrainCompeting
            | FactName::TrainFirstParty
            | FactName::Benchmark
            | FactName::PublishOutputs
    );
    match (permits, fact) {
        (true, Fact::Yes) | (false, Fact::No) => 0,
        (_, Fact::Conditional) => 2,
        (true, Fact::Silent) => 3,
        (false, Fact::Silent) => 1,
        (_, Fact::Unknown) => 4,
        (true, Fact::No) | (false, Fact::Yes) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Register;

    #[test]
    fn mistral_changed_its_mind_within_three_weeks() {
        let register = Register::shipped().unwrap();
        let row = |key: &str| register.get(&key.parse().unwrap()).unwrap();
        let (before, after) = (row("mistral-tos-2024-02-08"), row("mistral-tos-2024-02-27"));
        let found = differences(before, after);
        let of = |column: &str| found.iter().find(|difference| difference.column == column);
        let competing = of("train_competing").unwrap();
        assert_eq!((&competing.before, &competing.after), (&"no".into(), &"yes".into()));
        assert_eq!(competing.change, Some(Change::Looser));
        assert!(of("effective").is_some() && of("party").is_none());
        let back = differences(after, before);
        assert_eq!(back.len(), found.len());
        assert_eq!(differences(before, before), []);
    }

    #[test]
    fn less_permission_and_more_duty_are_stricter() {
        let stricter = |name, one, other| strictness(name, one) < strictness(name, other);
        assert!(stricter(FactName::TrainAny, Fact::Yes, Fact::Conditional));
        assert!(stricter(FactName::TrainAny, Fact::Silent, Fact::No));
        assert!(stricter(FactName::Attribution, Fact::No, Fact::Yes));
        assert!(stricter(FactName::ShareAlike, Fact::Silent, Fact::Unknown));
    }
}
