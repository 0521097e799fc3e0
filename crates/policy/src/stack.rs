//! Several documents that bind one answer: the model's terms, its host's, an aggregator's, a contract of one's own. Each must permit.
//! The stack is a row of its own, which holds the others as they stood, so that its digest binds an exchange to all of them.

use std::collections::BTreeMap;

use cultivar_record::{Confidence, Digest, Fact, FactName, RecordError, Terms, TermsKey, digest_of};
use serde_json::Value;

use crate::{Register, difference::strictness};

/// The kind of a row that is a stack.
pub(crate) const KIND: &str = "stack";
/// The column that holds the rows.
const ROWS: &str = "rows";

impl Register {
    /// The row of a key, or the stack of keys joined with `+`; nothing where one of them is not known.
    pub fn find(&self, key: &TermsKey) -> Option<Terms> {
        let rows = key.as_str().split('+').map(|part| self.get(&part.parse().ok()?));
        stack(&rows.collect::<Option<Vec<&Terms>>>()?)
    }
}

/// The stack of some rows, whatever their order: for each question the strictest of their answers. One row is itself, and no rows
/// are nothing.
///
/// A stack of stacks is the stack of all their rows, so that nothing that is combined again loses a row.
pub fn stack(rows: &[&Terms]) -> Option<Terms> {
    let mut all: BTreeMap<TermsKey, Terms> = BTreeMap::new();
    for row in rows {
        let parts = parts(row);
        let parts = if parts.is_empty() { vec![(*row).clone()] } else { parts };
        all.extend(parts.into_iter().map(|part| (part.key.clone(), part)));
    }
    let all: Vec<Terms> = all.into_values().collect();
    match all.as_slice() {
        [] => None,
        [alone] => Some(alone.clone()),
        several => Some(meet(several)),
    }
}

fn meet(rows: &[Terms]) -> Terms {
    let of = |name: FactName| -> Fact {
        let facts = rows.iter().map(|row| row.fact(name));
        facts.max_by_key(|fact| strictness(name, *fact)).unwrap_or_default()
    };
    let joined = |part: fn(&Terms) -> &str, between: &str| -> String {
        let mut parts: Vec<&str> = rows.iter().map(part).filter(|text| !text.is_empty()).collect();
        parts.dedup();
        parts.join(between)
    };
    let clauses = rows.iter().filter(|row| !row.clause.is_empty());
    let clauses: Vec<String> = clauses.map(|row| format!("{}: {}", row.key, row.clause)).collect();
    let latest = |part: fn(&Terms) -> &String| rows.iter().map(part).max().cloned().unwrap_or_default();
    Terms {
        key: TermsKey::stack(rows.iter().map(|row| &row.key)),
        name: joined(|row| &row.name, " with "),
        kind: KIND.to_owned(),
        party: joined(|row| &row.party, ", "),
        spdx: None,
        licenseref: None,
        train_any: of(FactName::TrainAny),
        train_competing: of(FactName::TrainCompeting),
        train_first_party: of(FactName::TrainFirstParty),
        noncommercial_only: of(FactName::NoncommercialOnly),
        distilled_is_derivative: of(FactName::DistilledIsDerivative),
        flow_down: of(FactName::FlowDown),
        attribution: of(FactName::Attribution),
        share_alike: of(FactName::ShareAlike),
        benchmark: of(FactName::Benchmark),
        publish_outputs: of(FactName::PublishOutputs),
        clause: clauses.join("; "),
        effective: latest(|row| &row.effective),
        observed: latest(|row| &row.observed),
        source: joined(|row| &row.source, "; "),
        confidence: rows.iter().map(|row| row.confidence).max().unwrap_or(Confidence::Low),
        more: BTreeMap::from([(ROWS.to_owned(), serde_json::to_value(rows).unwrap_or_default())]),
    }
}

/// The rows of a stack, by key; none where the row stands alone.
pub fn parts(terms: &Terms) -> Vec<Terms> {
    if terms.kind != KIND {
        return Vec::new();
    }
    let rows = terms.more.get(ROWS).cloned().unwrap_or(Value::Null);
    // A stack whose rows cannot be read is treated as a row that nobody accepted: it is no stack, and its facts stay.
    serde_json::from_value(rows).unwrap_or_default()
}

/// A row that binds, by what agreements and contracts name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub terms: TermsKey,
    /// Who grants.
    pub party: String,
    /// The digest of its facts.
    pub digest: Digest,
}

/// The rows that bind: those of a stack, or the row itself. Each must be accepted.
///
/// # Errors
/// `record::not_canonical` where a row has no digest.
pub fn rows(terms: &Terms) -> Result<Vec<Row>, RecordError> {
    let parts = parts(terms);
    let all = if parts.is_empty() {
        std::slice::from_ref(terms)
    } else {
        &parts
    };
    let row = |row: &Terms| {
        Ok(Row {
            terms: row.key.clone(),
            party: row.party.clone(),
            digest: digest_of(row)?,
        })
    };
    all.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shipped() -> Vec<Terms> {
        Register::shipped().unwrap().rows().cloned().collect()
    }

    #[test]
    fn a_host_that_forbids_measuring_binds_a_model_that_does_not() {
        let register = Register::shipped().unwrap();
        let key: TermsKey = "together-tos-2025-10-21+deepseek-mit".parse().unwrap();
        let both = register.find(&key).unwrap();
        assert_eq!(both.key.as_str(), "deepseek-mit+together-tos-2025-10-21");
        assert_eq!(both.benchmark, Fact::No);
        assert_eq!(parts(&both).len(), 2);
        assert!(both.clause.contains("together-tos-2025-10-21: "), "{}", both.clause);
        assert_eq!(register.find(&"deepseek-mit+nobody".parse().unwrap()), None);
    }

    #[test]
    fn one_row_is_itself_to_the_byte() {
        for row in shipped() {
            assert_eq!(digest_of(&stack(&[&row]).unwrap()).unwrap(), digest_of(&row).unwrap());
        }
    }

    proptest! {
        #[test]
        fn no_order_and_no_grouping_makes_a_stack_looser_or_shorter(picks in prop::collection::vec(0_usize..46, 2..6)) {
            let rows = shipped();
            let picked: Vec<&Terms> = picks.iter().map(|place| &rows[*place]).collect();
            let whole = stack(&picked).unwrap();
            let mut backwards = picked.clone();
            backwards.reverse();
            prop_assert_eq!(&stack(&backwards).unwrap(), &whole);
            let (left, right) = picked.split_at(picked.len() / 2);
            let grouped = stack(&[&stack(left).unwrap(), &stack(right).unwrap()]);
            prop_assert_eq!(&grouped.unwrap(), &whole);
            for row in picked {
                for name in FactName::ALL {
                    prop_assert!(strictness(name, whole.fact(name)) >= strictness(name, row.fact(name)));
                }
                let kept = parts(&whole);
                prop_assert!(kept.is_empty() || kept.contains(row));
            }
        }
    }
}
