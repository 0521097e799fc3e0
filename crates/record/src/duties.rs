//! Duties: what is owed along with a model or a dataset, and to whose terms.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DutyKind, FactName, TermsKey};

/// What is owed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Owed {
    /// The party and the document are named.
    Attribution {
        /// Whom to name.
        party: String,
    },
    /// The model's name begins so.
    NamePrefix {
        /// How.
        prefix: String,
    },
    /// One of these texts is displayed.
    Display {
        /// The texts.
        one_of: Vec<String>,
    },
    /// The document's restrictions are passed on with the model.
    FlowDown,
    /// What is made from it is licensed alike.
    ShareAlike {
        /// The licence, as the register names it.
        licence: String,
    },
    /// Nobody makes money with it.
    Noncommercial,
    /// At most so many users a month, then a licence of its own is needed.
    UserCap {
        /// Users a month.
        users: u64,
    },
    /// At most so much revenue a year, in US dollars, then a licence of its own is needed.
    RevenueCap {
        /// US dollars a year.
        usd: u64,
    },
    /// The register does not know whether a duty follows from this column, or follows only on a condition: a person reads it.
    Read {
        /// The column.
        fact: FactName,
    },
}

impl Owed {
    /// Its kind, where it is something that people do before a model is offered; the policies see to commerce themselves.
    pub const fn kind(&self) -> Option<DutyKind> {
        match self {
            Self::Attribution { .. } | Self::NamePrefix { .. } | Self::Display { .. } => Some(DutyKind::Attribution),
            Self::FlowDown => Some(DutyKind::FlowDown),
            Self::ShareAlike { .. } => Some(DutyKind::ShareAlike),
            Self::UserCap { .. } | Self::RevenueCap { .. } => Some(DutyKind::Caps),
            Self::Read { fact } => match fact {
                FactName::Attribution => Some(DutyKind::Attribution),
                FactName::FlowDown => Some(DutyKind::FlowDown),
                FactName::ShareAlike => Some(DutyKind::ShareAlike),
                _ => None,
            },
            Self::Noncommercial => None,
        }
    }
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribution { party } => write!(f, "attribution: name {party} and the document"),
            Self::NamePrefix { prefix } => write!(f, "name: it begins with `{prefix}`"),
            Self::Display { one_of } => write!(f, "display: `{}`", one_of.join("` or `")),
            Self::FlowDown => f.write_str("flow-down: pass the document's restrictions on with the model"),
            Self::ShareAlike { licence } => write!(f, "share-alike: license what is made from it under `{licence}`"),
            Self::Noncommercial => f.write_str("no commercial use"),
            Self::UserCap { users } => write!(f, "at most {users} users a month without a licence of its own"),
            Self::RevenueCap { usd } => write!(f, "at most {usd} USD of revenue a year without a licence of its own"),
            Self::Read { fact } => write!(f, "`{fact}` is conditional or unknown: have the document read"),
        }
    }
}

/// One duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Duty {
    /// What.
    #[serde(flatten)]
    pub owed: Owed,
    /// By which row of terms.
    pub terms: TermsKey,
    /// By which clause, as the register names it.
    pub clause: String,
}

/// Two duties that cannot both be kept, or not by one licence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clash {
    /// Whose duty.
    pub terms: TermsKey,
    /// Against whose.
    pub against: TermsKey,
    /// Why both cannot be kept.
    pub reason: String,
}

/// Everything that is owed, sorted, each duty once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duties {
    /// The duties.
    pub duties: Vec<Duty>,
    /// Those that clash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clashes: Vec<Clash>,
}

impl Duties {
    /// The duty whose name prefix a model's name lacks, where there is one. Letter case does not matter.
    pub fn missing_prefix(&self, name: &str) -> Option<(&Duty, &str)> {
        self.duties.iter().find_map(|duty| match &duty.owed {
            Owed::NamePrefix { prefix } if !begins_with(name, prefix) => Some((duty, prefix.as_str())),
            _ => None,
        })
    }
}

/// Whether a name begins with a prefix, whatever the case and whether words are parted by a space, `-` or `_`.
fn begins_with(name: &str, prefix: &str) -> bool {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| c.is_alphanumeric() || *c == '.');
        kept.flat_map(char::to_lowercase).collect()
    };
    plain(name).starts_with(&plain(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_its_prefix_however_it_is_written() {
        for (name, holds) in [
            ("Llama-3-barista", true),
            ("llama3 barista", true),
            ("LLAMA_3", true),
            ("barista-llama-3", false),
            ("Llama", false),
        ] {
            assert_eq!(begins_with(name, "Llama 3"), holds, "{name}");
        }
    }
}
