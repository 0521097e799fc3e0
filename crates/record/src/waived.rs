//! Waived facts: what terms say, and a signed contract says otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::FactName;

/// A set of facts. As JSON a list of their names, in the register's order.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<FactName>", into = "Vec<FactName>")]
pub struct Waived(u16);

impl Waived {
    /// Nothing is waived.
    pub const NONE: Self = Self(0);

    /// This set and one more fact.
    #[must_use]
    pub const fn with(self, fact: FactName) -> Self {
        Self(self.0 | Self::bit(fact))
    }

    /// Whether a fact is in the set.
    pub const fn contains(self, fact: FactName) -> bool {
        self.0 & Self::bit(fact) != 0
    }

    /// Whether nothing is waived.
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// The facts, in the register's order.
    pub fn facts(self) -> impl Iterator<Item = FactName> {
        FactName::ALL.into_iter().filter(move |fact| self.contains(*fact))
    }

    const fn bit(fact: FactName) -> u16 {
        1 << fact as u16
    }
}

impl FromIterator<FactName> for Waived {
    fn from_iter<I: IntoIterator<Item = FactName>>(facts: I) -> Self {
        facts.into_iter().fold(Self::NONE, Self::with)
    }
}

impl From<Vec<FactName>> for Waived {
    fn from(facts: Vec<FactName>) -> Self {
        facts.into_iter().collect()
    }
}

impl From<Waived> for Vec<FactName> {
    fn from(waived: Waived) -> Self {
        waived.facts().collect()
    }
}

impl fmt::Debug for Waived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.facts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_reads_as_a_list() {
        for fact in FactName::ALL {
            let alone = Waived::NONE.with(fact);
            assert_eq!(alone.facts().collect::<Vec<_>>(), [fact]);
        }
        let both: Waived = [FactName::Benchmark, FactName::TrainAny, FactName::Benchmark]
            .into_iter()
            .collect();
        let text = serde_json::to_string(&both).unwrap();
        assert_eq!(text, r#"["train_any","benchmark"]"#);
        assert_eq!(serde_json::from_str::<Waived>(&text).unwrap(), both);
        assert!(!both.contains(FactName::TrainCompeting) && !both.is_empty() && Waived::default().is_empty());
        assert!(serde_json::from_str::<Waived>(r#"["untraced"]"#).is_err());
    }
}
