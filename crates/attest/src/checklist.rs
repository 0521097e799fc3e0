//! Checklists of evidence, a market's as data: which items there are, which of them the records fill in by themselves, and which
//! share a count must reach. A missing item names itself.

use std::collections::BTreeMap;

use cultivar_record::{Counts, Digest, EvidenceItem, Market, RecordError, Timestamp, digest_of};
use serde::{Deserialize, Serialize};

use crate::AttestError;

const SHIPPED: &str = include_str!("../data/evidence.toml");
/// The version of the file's shape that this crate reads.
const SCHEMA_VERSION: u32 = 1;

/// Every market's checklist. A market that is not named asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checklists(BTreeMap<Market, Checklist>);

/// A market's checklist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checklist {
    /// Its items, in the order in which people go through them.
    pub items: Vec<ChecklistItem>,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistItem {
    /// Its key, unique in the market.
    pub key: String,
    /// What it is.
    pub name: String,
    /// Who asks for it: the law, the standard, the clause.
    pub source: String,
    /// Where it comes from.
    #[serde(default)]
    pub from: Source,
    /// Whether nothing may be offered without it.
    #[serde(default = "yes")]
    pub mandatory: bool,
    /// Whether it is asked for only where the model learned from what was erased since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after_erasure: bool,
    /// How many must have been looked at, where something is counted.
    #[serde(default)]
    pub asked_at_least: Option<u64>,
    /// The least share, in percent.
    #[serde(default)]
    pub at_least_percent: Option<u64>,
    /// The greatest share, in percent.
    #[serde(default)]
    pub at_most_percent: Option<u64>,
}

/// Where an item comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A person hands in a file.
    #[default]
    File,
    /// The records fill it in: it is there wherever the model has a pedigree, which the approval's subject binds.
    Ledger,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u32,
    /// When the items were put together; for people.
    #[serde(rename = "compiled", default)]
    _compiled: String,
    #[serde(default)]
    market: BTreeMap<Market, Checklist>,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl ChecklistItem {
    /// Whether a file with counts is asked for.
    pub const fn counts(&self) -> bool {
        self.asked_at_least.is_some() || self.at_least_percent.is_some() || self.at_most_percent.is_some()
    }

    fn missing(&self) -> AttestError {
        let (key, name) = (self.key.clone(), self.name.clone());
        AttestError::EvidenceMissing { key, name }
    }

    /// What is wrong with what was counted.
    fn insufficient(&self, counts: Option<Counts>) -> Option<AttestError> {
        if !self.counts() {
            return None;
        }
        let Some(Counts { asked, counted }) = counts.filter(|counts| counts.asked > 0) else {
            return Some(self.missing());
        };
        let refuse = |found: String, bound: String| {
            let key = self.key.clone();
            Some(AttestError::EvidenceInsufficient { key, found, bound })
        };
        if let Some(least) = self.asked_at_least.filter(|least| asked < *least) {
            return refuse(format!("a sample of {asked}"), format!("one of at least {least}"));
        }
        // In whole numbers: 94.9 % is not 95 %.
        let share = u128::from(counted) * 100;
        let is_below = |percent: &u64| share < u128::from(*percent) * u128::from(asked);
        let is_above = |percent: &u64| share > u128::from(*percent) * u128::from(asked);
        if let Some(least) = self.at_least_percent.filter(is_below) {
            return refuse(percent(counted, asked), format!("at least {least} %"));
        }
        match self.at_most_percent.filter(is_above) {
            Some(most) => refuse(percent(counted, asked), format!("at most {most} %")),
            None => None,
        }
    }
}

/// A share in percent with one digit behind the point, rounded down.
fn percent(counted: u64, asked: u64) -> String {
    let thousandths = u128::from(counted) * 1_000 / u128::from(asked);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

impl Checklists {
    /// The shipped checklists.
    ///
    /// # Errors
    /// `attest::checklist_unreadable` where the shipped file was damaged.
    pub fn shipped() -> Result<Self, AttestError> {
        Self::parse(SHIPPED)
    }

    /// Checklists from a file's text.
    ///
    /// # Errors
    /// `attest::checklist_unreadable` with the place.
    pub fn parse(text: &str) -> Result<Self, AttestError> {
        let unreadable = |reason: String| AttestError::ChecklistUnreadable { reason };
        let file: File = toml::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if file.schema_version != SCHEMA_VERSION {
            let found = file.schema_version;
            return Err(unreadable(format!(
                "schema_version is {found}, this program reads {SCHEMA_VERSION}"
            )));
        }
        for (market, checklist) in &file.market {
            let mut seen = std::collections::BTreeSet::new();
            if let Some(twice) = checklist.items.iter().find(|item| !seen.insert(&item.key)) {
                return Err(unreadable(format!("`{}` stands twice in {market}", twice.key)));
            }
        }
        Ok(Self(file.market))
    }

    /// These checklists with others laid over them: a market that the others name, they decide.
    #[must_use]
    pub fn layered(mut self, over: Self) -> Self {
        self.0.extend(over.0);
        self
    }

    /// The markets that want it assessed where a model learned from what was erased since.
    pub fn after_erasure(&self) -> Vec<Market> {
        let asks = |list: &Checklist| list.items.iter().any(|item| item.after_erasure);
        let markets = self.0.iter().filter(|(_, list)| asks(list));
        markets.map(|(market, _)| market.clone()).collect()
    }

    /// The checklist of a market, else of the country that it is a part of; empty where neither has one.
    pub fn of(&self, market: &Market) -> Checklist {
        let whole = || {
            let country: Market = market.as_str().split_once('-')?.0.parse().ok()?;
            self.0.get(&country)
        };
        self.0.get(market).or_else(whole).cloned().unwrap_or_default()
    }
}

impl Checklist {
    /// What is asked for with these items at hand.
    #[must_use]
    pub fn asked_for(mut self, items: &[EvidenceItem]) -> Self {
        let is_erased = erased_at(items).is_some();
        self.items.retain(|item| is_erased || !item.after_erasure);
        self
    }
}

/// When something was erased that the model learned from.
fn erased_at(items: &[EvidenceItem]) -> Option<Timestamp> {
    let erasure = items.iter().find(|item| item.key == EvidenceItem::ERASURE);
    erasure.map(|item| item.at)
}

/// The evidence for a model in a market as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Digest of the checklist and of what was handed in: key, document and counts of each item.
    pub digest: Digest,
    /// What is missing or does not suffice.
    pub faults: Vec<AttestError>,
}

/// Puts the evidence together. `pedigree`: the digest of what the records know of the model, where they know where it comes from.
///
/// # Errors
/// `record::not_canonical`.
pub fn collect(
    checklist: &Checklist,
    items: &[EvidenceItem],
    pedigree: Option<Digest>,
) -> Result<Collected, RecordError> {
    let mut faults = Vec::new();
    let mut handed_in = BTreeMap::new();
    for item in &checklist.items {
        let found = items.iter().find(|found| found.key == item.key);
        // What was assessed before the erasure says nothing of it.
        let found = found.filter(|found| !item.after_erasure || Some(found.at) > erased_at(items));
        if let Some(found) = found {
            handed_in.insert(&item.key, (found.document, found.counts));
        }
        let is_there = match item.from {
            Source::File => found.is_some(),
            Source::Ledger => pedigree.is_some(),
        };
        if !is_there {
            faults.extend(item.mandatory.then(|| item.missing()));
        } else if let Some(found) = found {
            faults.extend(item.insufficient(found.counts));
        }
    }
    Ok(Collected {
        digest: digest_of(&(checklist, handed_in, pedigree))?,
        faults,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, counts: Option<(u64, u64)>) -> EvidenceItem {
        EvidenceItem {
            key: key.to_owned(),
            document: Digest::of_bytes(key.as_bytes()),
            counts: counts.map(|(asked, counted)| Counts { asked, counted }),
            by: "Ann Example".to_owned(),
            at: Timestamp::from_micros(0),
        }
    }

    fn market(code: &str) -> Market {
        code.parse().unwrap()
    }

    fn whole(checklist: &Checklist) -> Vec<EvidenceItem> {
        let good = |each: &ChecklistItem| {
            let asked = each.asked_at_least.unwrap_or(1_000);
            let counted = each.at_most_percent.map_or(asked, |most| asked * most / 100);
            item(&each.key, each.counts().then_some((asked, counted)))
        };
        checklist.items.iter().map(good).collect()
    }

    #[test]
    fn every_mandatory_item_of_every_market_denies_by_its_name() {
        let pedigree = Some(Digest::of_bytes(b"pedigree"));
        for code in ["CN", "EU", "US-CA"] {
            let checklist = Checklists::shipped().unwrap().of(&market(code));
            assert!(!checklist.items.is_empty(), "{code}");
            let all = whole(&checklist);
            assert_eq!(collect(&checklist, &all, pedigree).unwrap().faults, [], "{code}");
            for item in checklist.items.iter().filter(|item| item.mandatory) {
                let without: Vec<_> = all.iter().filter(|had| had.key != item.key).cloned().collect();
                let pedigree = pedigree.filter(|_| item.from == Source::File);
                let faults = collect(&checklist, &without, pedigree).unwrap().faults;
                assert!(faults.contains(&item.missing()), "{code}: {}", item.key);
            }
        }
    }

    #[test]
    fn a_refusal_rate_of_94_9_percent_blocks_china_only() {
        let lists = Checklists::shipped().unwrap();
        for (code, counted, blocks) in [("CN", 949, true), ("CN", 950, false), ("EU", 949, false)] {
            let checklist = lists.of(&market(code));
            let mut items = whole(&checklist);
            items.retain(|had| had.key != "must_refuse");
            items.push(item("must_refuse", Some((1_000, counted))));
            let faults = collect(&checklist, &items, Some(Digest::of_bytes(b""))).unwrap().faults;
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let expected =
                "the evidence `must_refuse` does not suffice: 94.9 % was measured, at least 95 % is asked for";
            assert_eq!(
                told,
                if blocks { vec![expected] } else { Vec::new() },
                "{code} {counted}"
            );
        }
        let cn = lists.of(&market("CN"));
        let with = |key: &str, asked, counted| {
            let mut items = whole(&cn);
            items.retain(|had| had.key != key);
            items.push(item(key, Some((asked, counted))));
            collect(&cn, &items, Some(Digest::of_bytes(b""))).unwrap().faults.len()
        };
        assert_eq!((with("must_refuse", 299, 299), with("must_refuse", 300, 285)), (1, 0));
        assert_eq!(
            (with("must_not_refuse", 300, 16), with("must_not_refuse", 300, 15)),
            (1, 0)
        );
        assert_eq!(
            (
                with("generated_content", 3_000, 2_699),
                with("generated_content", 3_000, 2_700)
            ),
            (1, 0)
        );
        assert_eq!(with("must_refuse", 0, 0), 1, "nothing was asked");
    }

    #[test]
    fn the_digest_follows_documents_counts_checklist_and_pedigree() {
        let cn = Checklists::shipped().unwrap().of(&market("CN"));
        let pedigree = Some(Digest::of_bytes(b"a"));
        let all = whole(&cn);
        let digest =
            |list: &Checklist, items: &[EvidenceItem], pedigree| collect(list, items, pedigree).unwrap().digest;
        let before = digest(&cn, &all, pedigree);
        let mut again = all.clone();
        again[0].at = Timestamp::from_micros(7);
        again.reverse();
        assert_eq!(digest(&cn, &again, pedigree), before, "the same documents");
        let mut other = all.clone();
        other[0].document = Digest::of_bytes(b"other");
        assert_ne!(digest(&cn, &other, pedigree), before);
        let mut list = cn.clone();
        list.items[0].source.push('.');
        assert_ne!(digest(&list, &all, pedigree), before);
        assert_ne!(digest(&cn, &all, Some(Digest::of_bytes(b"b"))), before);
    }

    #[test]
    fn a_file_of_another_shape_is_refused() {
        for text in [
            "",
            "schema_version = 2",
            "schema_version = 1\n[[market.EU]]\nkey = \"a\"",
            "schema_version = 1\n[[market.EU]]\nkey = \"a\"\nname = \"n\"\nsource = \"s\"\ncolour = 1",
            "schema_version = 1\n[[market.EU]]\nkey = \"a\"\nname = \"n\"\nsource = \"s\"\n[[market.EU]]\nkey = \"a\"\nname = \"n\"\nsource = \"s\"",
        ] {
            let error = Checklists::parse(text).unwrap_err();
            assert!(matches!(error, AttestError::ChecklistUnreadable { .. }), "{text}");
        }
    }
}
