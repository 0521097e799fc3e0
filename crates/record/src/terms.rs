//! Terms: a versioned document of a provider or a licence, as facts with their source.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{OrganizationId, RecordError, Timestamp};

/// The key of a row of the terms register, for instance `openai-services-2026-01-01`; of several rows that bind together, their keys
/// in order, joined with `+`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TermsKey(String);

impl TermsKey {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of rows that bind together: each key once, in order.
    pub fn stack<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Self {
        let rows: std::collections::BTreeSet<&str> = rows.into_iter().flat_map(|row| row.0.split('+')).collect();
        Self(rows.into_iter().collect::<Vec<_>>().join("+"))
    }
}

impl FromStr for TermsKey {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = !text.is_empty()
            && text.len() <= 400
            && text.split('+').all(|part| !part.is_empty() && part.len() <= 100)
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'+'));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(RecordError::malformed(
                "terms key",
                text,
                "use lower-case letters, digits, `-`, `_` and `.`, and `+` between the keys of rows that bind together",
                "cc-by-4_0",
            ))
        }
    }
}

impl fmt::Display for TermsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TermsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a document says about one question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fact {
    /// Allowed, or required.
    Yes,
    /// Forbidden, or not required.
    No,
    /// Allowed under conditions that the row names.
    Conditional,
    /// The document does not speak of it.
    Silent,
    /// Not read, or the sources disagree.
    #[default]
    Unknown,
}

impl Fact {
    /// The word in the register.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Conditional => "conditional",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The questions that the register answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactName {
    /// May outputs train some model of one's own?
    TrainAny,
    /// May outputs train a model that competes with the party?
    TrainCompeting,
    /// May outputs train a model inside the party's own service?
    TrainFirstParty,
    /// Is commercial use excluded?
    NoncommercialOnly,
    /// Is a student trained on outputs a derivative?
    DistilledIsDerivative,
    /// Must restrictions be passed on?
    FlowDown,
    /// Is attribution owed?
    Attribution,
    /// Must adaptations be licensed alike?
    ShareAlike,
    /// May the service be measured against others?
    Benchmark,
    /// May outputs be published?
    PublishOutputs,
}

impl FactName {
    /// The column of the register.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrainAny => "train_any",
            Self::TrainCompeting => "train_competing",
            Self::TrainFirstParty => "train_first_party",
            Self::NoncommercialOnly => "noncommercial_only",
            Self::DistilledIsDerivative => "distilled_is_derivative",
            Self::FlowDown => "flow_down",
            Self::Attribution => "attribution",
            Self::ShareAlike => "share_alike",
            Self::Benchmark => "benchmark",
            Self::PublishOutputs => "publish_outputs",
        }
    }

    /// Every question, in the register's order.
    pub const ALL: [Self; 10] = [
        Self::TrainAny,
        Self::TrainCompeting,
        Self::TrainFirstParty,
        Self::NoncommercialOnly,
        Self::DistilledIsDerivative,
        Self::FlowDown,
        Self::Attribution,
        Self::ShareAlike,
        Self::Benchmark,
        Self::PublishOutputs,
    ];
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure the register is of a row, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The clause was read in a stored copy of the primary text.
    High,
    /// Read in part, or in a secondary source, or the copy may be out of date.
    Medium,
    /// A secondary source or memory only.
    Low,
}

/// One row of the register: a version of a document, as facts. Facts in our own words, not legal advice.
/// The digest of its canonical JSON binds every exchange that was made under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The row's key; filled in from the table's name.
    #[serde(default = "unnamed")]
    pub key: TermsKey,
    /// The document's name.
    pub name: String,
    /// `api-terms`, `host-terms`, `weights-licence`, `data-licence` …
    pub kind: String,
    /// Who wrote or grants it.
    pub party: String,
    /// SPDX licence id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spdx: Option<String>,
    /// `LicenseRef-…`, where SPDX has no id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licenseref: Option<String>,
    /// May outputs train some model of one's own?
    #[serde(default)]
    pub train_any: Fact,
    /// … a model that competes with the party?
    #[serde(default)]
    pub train_competing: Fact,
    /// … a model inside the party's own service?
    #[serde(default)]
    pub train_first_party: Fact,
    /// Is commercial use excluded?
    #[serde(default)]
    pub noncommercial_only: Fact,
    /// Is a student trained on outputs a derivative?
    #[serde(default)]
    pub distilled_is_derivative: Fact,
    /// Must restrictions be passed on?
    #[serde(default)]
    pub flow_down: Fact,
    /// Is attribution owed?
    #[serde(default)]
    pub attribution: Fact,
    /// Must adaptations be licensed alike?
    #[serde(default)]
    pub share_alike: Fact,
    /// May the service be measured against others?
    #[serde(default)]
    pub benchmark: Fact,
    /// May outputs be published?
    #[serde(default)]
    pub publish_outputs: Fact,
    /// The clause that says so.
    #[serde(default)]
    pub clause: String,
    /// From when the document holds (`YYYY-MM-DD`, or `unknown`).
    pub effective: String,
    /// When the stored copy was read.
    pub observed: String,
    /// Where.
    pub source: String,
    /// How sure.
    pub confidence: Confidence,
    /// Columns that no policy reads yet (regions, caps, naming duties …), as they stand in the register.
    #[serde(default)]
    pub more: std::collections::BTreeMap<String, serde_json::Value>,
}

fn unnamed() -> TermsKey {
    TermsKey("unnamed".to_owned())
}

impl Terms {
    /// What the document says about a question.
    pub const fn fact(&self, name: FactName) -> Fact {
        match name {
            FactName::TrainAny => self.train_any,
            FactName::TrainCompeting => self.train_competing,
            FactName::TrainFirstParty => self.train_first_party,
            FactName::NoncommercialOnly => self.noncommercial_only,
            FactName::DistilledIsDerivative => self.distilled_is_derivative,
            FactName::FlowDown => self.flow_down,
            FactName::Attribution => self.attribution,
            FactName::ShareAlike => self.share_alike,
            FactName::Benchmark => self.benchmark,
            FactName::PublishOutputs => self.publish_outputs,
        }
    }
}

/// A named person accepted a row for an organisation: only then does the row permit anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// For whom.
    pub organization: OrganizationId,
    /// Which row.
    pub terms: TermsKey,
    /// The digest of the row that was accepted; a row that changed must be accepted again.
    pub digest: crate::Digest,
    /// By whom, as that person wishes to be named in the record.
    pub accepted_by: String,
    /// When.
    pub at: Timestamp,
    /// The markets that the agreement covers; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markets: Vec<crate::Market>,
    /// The purposes that the agreement covers; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<crate::Purpose>,
    /// Until when the agreement is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Acceptance {
    /// Whether the agreement covers a use at a moment. What is kept or trained on has no market of its own.
    pub fn covers(&self, market: Option<&crate::Market>, purpose: Option<crate::Purpose>, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
            && market.is_none_or(|market| self.markets.is_empty() || self.markets.contains(market))
            && purpose.is_none_or(|purpose| self.purposes.is_empty() || self.purposes.contains(&purpose))
    }
}
