//! What is owed along with a model or a dataset that descends from records under some terms, and which duties clash.
//!
//! It does not know which rows those are, and decides nothing: duties are kept with the result and shown before training.

use cultivar_record::{Clash, Duties, Duty, Fact, FactName, Owed, Terms};
use serde_json::Value;

use crate::stack::parts;

/// The party of a licence that anybody may give.
const VARIOUS: &str = "various";

/// The duties of rows of terms, each once, and their clashes. Those of a stack are those of its rows.
pub fn duties<'a>(rows: impl IntoIterator<Item = &'a Terms>) -> Duties {
    let mut duties: Vec<Duty> = rows.into_iter().flat_map(of_terms).collect();
    duties.sort();
    duties.dedup();
    let mut clashes: Vec<Clash> = pairs(&duties).filter_map(|(one, other)| clash(one, other)).collect();
    clashes.sort();
    clashes.dedup();
    Duties { duties, clashes }
}

fn of_terms(terms: &Terms) -> Vec<Duty> {
    let parts = parts(terms);
    if parts.is_empty() {
        return of_row(terms);
    }
    parts.iter().flat_map(of_row).collect()
}

fn of_row(row: &Terms) -> Vec<Duty> {
    let mut all = Vec::new();
    let mut owed = |fact: FactName, what: Owed| match row.fact(fact) {
        Fact::Yes => all.push(what),
        Fact::Conditional | Fact::Unknown => all.push(Owed::Read { fact }),
        Fact::No | Fact::Silent => {}
    };
    let party = if row.party == VARIOUS {
        "the authors"
    } else {
        &row.party
    }
    .to_owned();
    owed(FactName::Attribution, Owed::Attribution { party });
    owed(FactName::FlowDown, Owed::FlowDown);
    owed(FactName::ShareAlike, Owed::ShareAlike { licence: licence(row) });
    owed(FactName::NoncommercialOnly, Owed::Noncommercial);
    if let Some(prefix) = row
        .more
        .get("name_prefix")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
    {
        all.push(Owed::NamePrefix {
            prefix: prefix.to_owned(),
        });
    }
    for text in row.more.get("display").and_then(Value::as_array).into_iter().flatten() {
        let one_of = text
            .as_str()
            .unwrap_or_default()
            .split(" | ")
            .map(str::to_owned)
            .collect();
        all.push(Owed::Display { one_of });
    }
    let cap = |column: &str| row.more.get(column).and_then(Value::as_u64).filter(|most| *most > 0);
    all.extend(cap("mau_cap").map(|users| Owed::UserCap { users }));
    all.extend(cap("revenue_cap_usd").map(|usd| Owed::RevenueCap { usd }));
    let duty = |owed| Duty {
        owed,
        terms: row.key.clone(),
        clause: row.clause.clone(),
    };
    all.into_iter().map(duty).collect()
}

/// The licence by its SPDX id where it has one.
fn licence(row: &Terms) -> String {
    let named = row.spdx.as_ref().or(row.licenseref.as_ref());
    named.map_or_else(|| row.key.to_string(), Clone::clone)
}

fn pairs(duties: &[Duty]) -> impl Iterator<Item = (&Duty, &Duty)> {
    duties.iter().enumerate().flat_map(|(place, one)| {
        let others = duties.iter().skip(place + 1);
        others.map(move |other| (one, other))
    })
}

fn clash(one: &Duty, other: &Duty) -> Option<Clash> {
    let reason = match (&one.owed, &other.owed) {
        (Owed::NamePrefix { prefix: one }, Owed::NamePrefix { prefix: other })
            if !one.starts_with(other.as_str()) && !other.starts_with(one.as_str()) =>
        {
            format!("a name cannot begin with both `{one}` and `{other}`")
        }
        (Owed::ShareAlike { licence: one }, Owed::ShareAlike { licence: other }) if family(one) != family(other) => {
            format!("what is made from both cannot be under `{one}` alone and under `{other}` alone")
        }
        (Owed::ShareAlike { licence }, Owed::Noncommercial) | (Owed::Noncommercial, Owed::ShareAlike { licence })
            if one.terms != other.terms =>
        {
            format!("`{licence}` permits commercial use and must be passed on unchanged; the other excludes it")
        }
        (Owed::ShareAlike { licence }, Owed::FlowDown) | (Owed::FlowDown, Owed::ShareAlike { licence })
            if one.terms != other.terms =>
        {
            format!("`{licence}` lets no further restriction be added; the other must add its own")
        }
        _ => return None,
    };
    Some(Clash {
        terms: one.terms.clone(),
        against: other.terms.clone(),
        reason,
    })
}

/// A share-alike licence without its version: a later one of the same family may be used for adaptations (CC BY-SA 4.0, section 3(b)).
fn family(licence: &str) -> &str {
    licence.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Register;

    fn of(keys: &[&str]) -> Duties {
        let register = Register::shipped().unwrap();
        let rows: Vec<Terms> = keys
            .iter()
            .map(|key| {
                register
                    .get(&key.parse().unwrap())
                    .unwrap_or_else(|| panic!("{key}"))
                    .clone()
            })
            .collect();
        duties(&rows)
    }

    fn words(duties: &Duties) -> Vec<String> {
        let of = |duty: &Duty| format!("{}: {:?}", duty.terms, duty.owed);
        duties.duties.iter().map(of).collect()
    }

    #[test]
    fn each_document_asks_for_what_it_asks_for() {
        assert_eq!(words(&of(&["mit"])).len(), 1);
        let llama = of(&["llama-3_1"]);
        assert_eq!(llama.missing_prefix("barista").map(|(_, prefix)| prefix), Some("Llama"));
        assert_eq!(llama.missing_prefix("Llama-barista"), None);
        assert!(
            llama
                .duties
                .iter()
                .any(|duty| duty.owed == Owed::UserCap { users: 700_000_000 })
        );
        let qwen = of(&["qwen-2024"]);
        let display = Owed::Display {
            one_of: vec!["Built with Qwen".to_owned(), "Improved using Qwen".to_owned()],
        };
        assert!(
            qwen.duties.iter().any(|duty| duty.owed == display),
            "{:?}",
            words(&qwen)
        );
        assert!(llama.clashes.is_empty() && qwen.clashes.is_empty());
    }

    #[test]
    fn each_duty_stands_once_whatever_the_order() {
        assert_eq!(of(&["cc-by-4_0", "mit", "cc-by-4_0"]), of(&["mit", "cc-by-4_0"]));
    }

    #[test]
    fn duties_that_cannot_both_be_kept_are_named() {
        let reasons = |keys: &[&str]| -> Vec<String> {
            of(keys)
                .clashes
                .into_iter()
                .map(|clash| format!("{} against {}", clash.terms, clash.against))
                .collect()
        };
        assert_eq!(reasons(&["cc-by-sa-3_0", "cc-by-sa-4_0"]), Vec::<String>::new());
        assert_eq!(reasons(&["cc-by-sa-4_0", "cc-by-nc-4_0"]).len(), 1);
        assert_eq!(reasons(&["cc-by-sa-4_0", "llama-3_1"]).len(), 1);
        assert_eq!(reasons(&["cc-by-4_0", "cc-by-nc-4_0"]), Vec::<String>::new());
    }

    #[test]
    fn two_names_cannot_both_come_first() {
        let register = Register::shipped().unwrap();
        let llama = register.get(&"llama-3_1".parse().unwrap()).unwrap();
        let mut other = llama.clone();
        other.key = "other".parse().unwrap();
        other.more.insert("name_prefix".to_owned(), "Otter".into());
        let found = duties([llama, &other]);
        assert_eq!(found.clashes.len(), 1);
        assert!(
            found.clashes[0].reason.contains("`Llama` and `Otter`"),
            "{:?}",
            found.clashes
        );
    }
}
