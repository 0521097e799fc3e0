//! Markets as data: where something may be offered at all, where a model of one's own needs an approval and by whose signatures,
//! which codes a named group holds. Knows codes, not who asks.

use std::collections::BTreeMap;

use cultivar_record::{Market, Quorum};
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
    /// Whose signatures an approval needs.
    #[serde(default)]
    quorum: Quorum,
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
        if let Some(market) = file
            .market
            .iter()
            .find(|(_, facts)| facts.quorum.people < Quorum::FEWEST)
        {
            let (market, fewest) = (market.0, Quorum::FEWEST);
            return Err(unreadable(format!(
                "the quorum of {market} has fewer than {fewest} people"
            )));
        }
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
        self.facts(market).all(|(_, facts)| facts.open)
    }

    /// Whether a model of one's own needs an approval in a market.
    pub fn demands_approval(&self, market: &Market) -> bool {
        self.facts(market).any(|(_, facts)| facts.approval)
    }

    /// Whose signatures an approval for a market needs.
    pub fn quorum(&self, market: &Market) -> Quorum {
        let facts = self.facts(market).max_by_key(|(_, facts)| facts.quorum.people);
        facts.map(|(_, facts)| facts.quorum.clone()).unwrap_or_default()
    }

    /// Whether an approval for one market opens another: it is a part of it, and what is known of the two is one and the same. A
    /// group of one's own must not open a market that has a rule of its own.
    pub fn opens(&self, approved: &Market, market: &Market) -> bool {
        let (one, other) = (self.facts(approved), self.facts(market));
        self.covers(std::slice::from_ref(approved), market) && one.map(|(code, _)| code).eq(other.map(|(code, _)| code))
    }

    /// Where the facts about a market come from.
    pub fn source(&self, market: &Market) -> Option<&str> {
        self.facts(market).next().map(|(_, facts)| facts.source.as_str())
    }

    /// A market and what it is a part of: itself, its country, then the groups that hold either.
    pub fn wholes(&self, market: &Market) -> Vec<Market> {
        let country = market
            .as_str()
            .split_once('-')
            .and_then(|(country, _)| country.parse().ok());
        let mut wholes = vec![market.clone()];
        wholes.extend(country);
        let groups = self.groups.iter();
        let groups = groups.filter(|(_, group)| group.members.iter().any(|member| is_part_of(market, member)));
        wholes.extend(groups.map(|(code, _)| code.clone()).filter(|code| code != market));
        wholes
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

    /// The facts about a market, else about the country that it is a part of, else about every group that holds it. Asked at every
    /// attempt.
    fn facts<'s>(&'s self, market: &Market) -> impl Iterator<Item = (&'s Market, &'s MarketFacts)> {
        let known = self.markets.get_key_value(market);
        let nearest = known.or_else(|| {
            let country: Market = market.as_str().split_once('-')?.0.parse().ok()?;
            self.markets.get_key_value(&country)
        });
        let groups = self.groups.iter().filter(move |_| nearest.is_none());
        let ruled = groups.filter_map(|(code, group)| Some((self.markets.get_key_value(code)?, group)));
        let holding = ruled.filter(|(_, group)| group.members.iter().any(|member| is_part_of(market, member)));
        nearest.into_iter().chain(holding.map(|(facts, _)| facts))
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
        let quorum = markets.quorum(&market("CN"));
        assert_eq!((quorum.people, quorum.roles.len(), quorum.longest_days), (2, 2, 365));
        assert_eq!(markets.quorum(&market("US")), Quorum::default());
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
    fn the_rule_of_a_group_is_that_of_its_members_and_no_group_opens_a_market_with_a_rule_of_its_own() {
        let own = "schema_version = 1\n[market.EU]\napproval = true\nquorum = { people = 3, roles = [\"privacy\"] }\n\
                   source = \"our counsel\"\n[group.EAST]\nmembers = [\"CN\", \"JP\"]\nsource = \"ours\"\n";
        let markets = Markets::shipped().unwrap().layered(Markets::parse(own).unwrap());
        let opens = |approved: &str, asked: &str| markets.opens(&market(approved), &market(asked));
        assert!(markets.demands_approval(&market("DE")) && !markets.demands_approval(&market("GB")));
        assert_eq!(markets.quorum(&market("DE")).people, 3);
        assert!(
            opens("EU", "DE") && opens("DE", "DE") && opens("CN", "CN") && opens("CN", "CN-SH") && opens("EAST", "JP")
        );
        assert!(!opens("EAST", "CN") && !opens("DE", "FR") && !opens("DE", "EU") && !opens("US", "CN"));
        let alone = own.replace("people = 3", "people = 1");
        assert!(
            Markets::parse(&alone)
                .unwrap_err()
                .to_string()
                .contains("fewer than 2 people")
        );
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
