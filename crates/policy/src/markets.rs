//! Markets as data: where something may be offered at all, where a model of one's own needs an approval, which codes a named
//! group holds. Knows codes, not who asks.

use std::collections::BTreeMap;

use cultivar_record::Market;
use serde::Deserialize;

use crate::PolicyError;

const SHIPPED: &str = include_str!("../data/markets.toml");
/// The version of the file's shape that this crate reads.
const SCHEMA_VERSION: u32 = 1;

/// What is known of markets. A market that is not named is open and demands no approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markets {
    markets: BTreeMap<Market, MarketFacts>,
    groups: BTreeMap<Market, Group>,
}

/// What is known of one market.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarketFacts {
    #[serde(default = "yes")]
    open: bool,
    #[serde(default)]
    approval: bool,
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    members: Vec<Market>,
    #[serde(rename = "source", default)]
    _source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u32,
    /// When the rows were put together; for people.
    #[serde(rename = "compiled", default)]
    _compiled: String,
    #[serde(default)]
    market: BTreeMap<Market, MarketFacts>,
    #[serde(default)]
    group: BTreeMap<Market, Group>,
}

const fn yes() -> bool {
    true
}

impl Markets {
    /// The shipped markets.
    ///
    /// # Errors
    /// `policy::register_unreadable` where the shipped file was damaged.
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::parse(SHIPPED)
    }

    /// Markets from a file's text.
    ///
    /// # Errors
    /// `policy::register_unreadable` with the place.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let unreadable = |reason: String| PolicyError::RegisterUnreadable { reason };
        let file: File = toml::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if file.schema_version != SCHEMA_VERSION {
            return Err(unreadable(format!(
                "schema_version is {}, this program reads {SCHEMA_VERSION}",
                file.schema_version
            )));
        }
        Ok(Self {
            markets: file.market,
            groups: file.group,
        })
    }

    /// These markets with others laid over them: what the others name, they decide.
    #[must_use]
    pub fn layered(mut self, over: Self) -> Self {
        self.markets.extend(over.markets);
        self.groups.extend(over.groups);
        self
    }

    /// Whether anything may be offered in a market. A part of a closed one is closed.
    pub fn is_open(&self, market: &Market) -> bool {
        self.facts(market).is_none_or(|facts| facts.open)
    }

    /// Whether a model of one's own needs an approval in a market.
    pub fn demands_approval(&self, market: &Market) -> bool {
        self.facts(market).is_some_and(|facts| facts.approval)
    }

    /// Where the facts about a market come from.
    pub fn source(&self, market: &Market) -> Option<&str> {
        self.facts(market).map(|facts| facts.source.as_str())
    }

    /// Whether a list of markets covers one: by its code, by the country that it is a part of, or by a group that holds either.
    /// An empty list covers all.
    pub fn covers(&self, list: &[Market], market: &Market) -> bool {
        list.is_empty()
            || list.iter().any(|listed| {
                let members = self.groups.get(listed).map_or(&[][..], |group| &group.members);
                is_part_of(market, listed) || members.iter().any(|member| is_part_of(market, member))
            })
    }

    /// The facts about a market, or about the country that it is a part of.
    fn facts(&self, market: &Market) -> Option<&MarketFacts> {
        self.markets.get(market).or_else(|| {
            let country: Market = market.as_str().split_once('-')?.0.parse().ok()?;
            self.markets.get(&country)
        })
    }
}

/// `US-CA` is a part of `US`, and each market of itself.
fn is_part_of(market: &Market, whole: &Market) -> bool {
    let rest = market.as_str().strip_prefix(whole.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(code: &str) -> Market {
        code.parse().unwrap()
    }

    #[test]
    fn the_shipped_markets_say_what_their_sources_say() {
        let markets = Markets::shipped().unwrap();
        assert!(!markets.is_open(&market("KP")));
        assert!(markets.is_open(&market("US")) && markets.is_open(&market("CN")));
        assert!(markets.demands_approval(&market("CN")) && !markets.demands_approval(&market("EU")));
        assert!(markets.source(&market("CN")).unwrap().contains("Interim Measures"));
    }

    #[test]
    fn a_list_covers_groups_and_parts() {
        let markets = Markets::shipped().unwrap();
        let covers = |list: &[&str], code: &str| {
            let list: Vec<Market> = list.iter().map(|code| market(code)).collect();
            markets.covers(&list, &market(code))
        };
        assert!(covers(&["EU"], "DE") && covers(&["EU"], "EU") && covers(&["US"], "US-CA") && covers(&[], "KP"));
        assert!(!covers(&["EU"], "GB") && !covers(&["US-CA"], "US") && !covers(&["US", "EU"], "CN"));
        assert!(!covers(&["US"], "USX"));
    }

    #[test]
    fn a_file_of_ones_own_decides_what_it_names() {
        let own = "schema_version = 1\n[market.CN]\nopen = false\nsource = \"our counsel\"\n";
        let markets = Markets::shipped().unwrap().layered(Markets::parse(own).unwrap());
        assert!(!markets.is_open(&market("CN")) && !markets.is_open(&market("KP")));
        assert!(Markets::parse("schema_version = 2").is_err());
        assert!(Markets::parse("schema_version = 1\n[market.cn]\nsource = \"x\"").is_err());
    }
}
