//! The request of a case, from the words of its table. Every word must be used, so that a misspelt one cannot pass unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use cultivar_record::{FactName, Market, Purpose, Standing, Terms, TermsKey, Waived};

use super::{organization, unreadable};
use crate::{
    Access, Commerce, Competition, Demand, DutiesMet, Footing, Markets, Offering, PolicyError, Reading, Register,
    Release, Scores, Training, Use, UseRequest, Waiver, request::waivers,
};

const YES_OR_NO: [(&str, bool); 2] = [("yes", true), ("no", false)];

/// The words of a request that are not used yet.
pub(super) struct Words<'a> {
    case: &'a str,
    words: BTreeMap<String, String>,
}

/// What a request borrows.
pub(super) struct Told {
    terms: Terms,
    requester: String,
    approvers: BTreeSet<String>,
    reader: Market,
    within: Vec<Market>,
    residency: Vec<Market>,
    ticket: String,
    waivers: Vec<Waiver>,
}

impl Told {
    pub(super) fn read(words: &mut Words<'_>, register: &Register, markets: &Markets) -> Result<Self, PolicyError> {
        let key = words.take("terms", None)?;
        let terms = key.parse::<TermsKey>().ok().and_then(|key| register.find(&key));
        let terms = terms.ok_or_else(|| words.unreadable(format!("no row of terms is called `{key}`")))?;
        let reader = words.take("reader in", Some("ZZ"))?;
        let reader = words.market(&reader)?;
        let residency = words.list("content stays in")?;
        let residency = residency
            .iter()
            .map(|code| words.market(code))
            .collect::<Result<Vec<_>, _>>()?;
        // Of the places that are named, those that the reader is within.
        let within = residency
            .iter()
            .filter(|place| markets.covers(std::slice::from_ref(place), &reader));
        Ok(Self {
            requester: words.take("requester", Some(""))?,
            approvers: words.list("approvers")?.into_iter().collect(),
            within: within.chain([&reader]).cloned().collect(),
            reader,
            residency,
            ticket: words.take("ticket", Some(""))?,
            waivers: words.waivers(&terms)?,
            terms,
        })
    }
}

impl<'a> Words<'a> {
    pub(super) fn read(case: &'a str, table: &[Vec<String>]) -> Result<Self, PolicyError> {
        let mut words = BTreeMap::new();
        for row in table {
            let [key, word] = row.as_slice() else {
                return Err(unreadable(case, "the table of the request has two columns"));
            };
            if words.insert(key.clone(), word.clone()).is_some() {
                return Err(unreadable(case, format!("the request says `{key}` twice")));
            }
        }
        Ok(Self { case, words })
    }

    /// Refuses words that nothing has used.
    pub(super) fn end(&self) -> Result<(), PolicyError> {
        match self.words.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.unreadable(format!("nothing reads `{key}`"))),
        }
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        key: &str,
        otherwise: Option<&str>,
        choices: &[(&str, T)],
    ) -> Result<T, PolicyError> {
        let word = self.take(key, otherwise)?;
        let found = choices.iter().find(|(name, _)| *name == word);
        found
            .map(|(_, choice)| *choice)
            .ok_or_else(|| self.unreadable(format!("`{word}` is no answer to `{key}`")))
    }

    pub(super) fn request<'b>(&mut self, told: &'b Told) -> Result<UseRequest<'b>, PolicyError> {
        let standings = [
            ("active", Standing::Active),
            ("warned", Standing::Warned),
            ("limited", Standing::Limited),
            ("suspended", Standing::Suspended),
            ("terminated", Standing::Terminated),
        ];
        let footings = [
            ("accepted", Footing::Accepted),
            ("not accepted", Footing::NotAccepted),
            ("own", Footing::Own),
        ];
        Ok(UseRequest {
            organization: organization(),
            standing: self.one_of("standing", Some("active"), &standings)?,
            footing: self.one_of("footing", None, &footings)?,
            terms: &told.terms,
            wanted: self.wanted(told)?,
            offering: Offering {
                open: self.one_of("market open", Some("yes"), &YES_OR_NO)?,
                offered: self.one_of("offered there", Some("yes"), &YES_OR_NO)?,
                approved: self.one_of("approved there", Some("yes"), &YES_OR_NO)?,
                resident: self.one_of("resident", Some("yes"), &YES_OR_NO)?,
            },
            waivers: &told.waivers,
        })
    }

    fn wanted<'b>(&mut self, told: &'b Told) -> Result<Use<'b>, PolicyError> {
        Ok(match self.take("use", None)?.as_str() {
            "infer" => Use::Infer {
                purpose: self.purpose()?,
            },
            "collect" => Use::Collect {
                purpose: self.purpose()?,
            },
            "train" => Use::Train(self.training()?),
            "evaluate" => Use::Evaluate {
                purpose: self.purpose()?,
                scores: self.scores()?,
            },
            "publish dataset" => Use::PublishDataset {
                commerce: self.commerce()?,
                untraced: self.number("untraced", "0")?,
            },
            "release" => Use::Release(Release {
                training: self.training()?,
                requester: &told.requester,
                approvers: &told.approvers,
                quorum: self.number("quorum", "2")?,
                roles: self.demand("roles approve")?,
                evidence: self.demand("evidence complete")?,
                duties: self.duties()?,
            }),
            "read content" => Use::ReadContent(Reading {
                market: &told.reader,
                within: &told.within,
                residency: &told.residency,
                ticket: &told.ticket,
                access: self.one_of(
                    "break glass",
                    Some("no"),
                    &[("yes", Access::BreakGlass), ("no", Access::Ordinary)],
                )?,
            }),
            other => return Err(self.unreadable(format!("`{other}` is no use"))),
        })
    }

    /// What a contract waives of these terms, of each row alike where they are a stack.
    fn waivers(&mut self, terms: &Terms) -> Result<Vec<Waiver>, PolicyError> {
        let named = self.list("waived")?;
        let facts = named.iter().map(|name| {
            let known = FactName::ALL.into_iter().find(|fact| fact.as_str() == name);
            known.ok_or_else(|| self.unreadable(format!("no fact is called `{name}`")))
        });
        let facts = facts.collect::<Result<Waived, _>>()?;
        Ok(waivers(terms, facts)?)
    }

    fn training(&mut self) -> Result<Training, PolicyError> {
        let competes = [("yes", Competition::Competes), ("no", Competition::FoundNotToCompete)];
        Ok(Training {
            competition: self.one_of("competes", None, &competes)?,
            commerce: self.commerce()?,
            untraced: self.number("untraced", "0")?,
        })
    }

    fn scores(&mut self) -> Result<Scores, PolicyError> {
        let feeds = self.one_of("scores", None, &[("reported", false), ("feed training", true)])?;
        Ok(if feeds {
            Scores::FeedTraining(self.training()?)
        } else {
            Scores::Reported
        })
    }

    fn commerce(&mut self) -> Result<Commerce, PolicyError> {
        let choices = [("yes", Commerce::Commercial), ("no", Commerce::Noncommercial)];
        self.one_of("commercial", None, &choices)
    }

    fn duties(&mut self) -> Result<DutiesMet, PolicyError> {
        Ok(DutiesMet {
            attribution: self.demand("attribution given")?,
            flow_down: self.demand("restrictions passed on")?,
            share_alike: self.demand("licensed alike")?,
            caps: self.demand("below caps")?,
            label: self.demand("labelled")?,
        })
    }

    fn demand(&mut self, key: &str) -> Result<Demand, PolicyError> {
        self.one_of(key, Some("yes"), &[("yes", Demand::Met), ("no", Demand::Unmet)])
    }

    fn purpose(&mut self) -> Result<Purpose, PolicyError> {
        let word = self.take("purpose", None)?;
        word.parse()
            .map_err(|_| self.unreadable(format!("`{word}` is no purpose")))
    }

    fn number(&mut self, key: &str, otherwise: &str) -> Result<u64, PolicyError> {
        let word = self.take(key, Some(otherwise))?;
        word.parse()
            .map_err(|_| self.unreadable(format!("`{word}` is no number for `{key}`")))
    }

    fn market(&self, code: &str) -> Result<Market, PolicyError> {
        code.parse()
            .map_err(|_| self.unreadable(format!("`{code}` is no market")))
    }

    fn list(&mut self, key: &str) -> Result<Vec<String>, PolicyError> {
        let words = self.take(key, Some(""))?;
        let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(words.map(str::to_owned).collect())
    }

    fn take(&mut self, key: &str, otherwise: Option<&str>) -> Result<String, PolicyError> {
        let word = self.words.remove(key).or(otherwise.map(str::to_owned));
        word.ok_or_else(|| self.unreadable(format!("the request says nothing about `{key}`")))
    }

    fn unreadable(&self, reason: impl Into<String>) -> PolicyError {
        unreadable(self.case, reason)
    }
}
