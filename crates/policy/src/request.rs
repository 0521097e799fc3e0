//! What is asked: who, on what footing, about which terms, for which use. Every combination that can be written is a
//! question that makes sense.

use std::collections::BTreeSet;

use cultivar_record::{
    GrantId, Market, OrganizationId, Purpose, RecordError, Standing, Terms, TermsKey, Timestamp, UseAction, Waived,
};
use serde::{Deserialize, Serialize};

use crate::stack::{self, Row};

/// One question about one row of terms.
#[derive(Clone, Copy, Debug)]
pub struct UseRequest<'a> {
    /// Who asks.
    pub organization: OrganizationId,
    /// Its standing now.
    pub standing: Standing,
    /// How it stands to the terms.
    pub footing: Footing,
    /// The terms asked about.
    pub terms: &'a Terms,
    /// What it wants to do.
    pub wanted: Use<'a>,
    /// How the call stands to the market that it comes from.
    pub offering: Offering,
    /// What contracts waive for this use: whoever asks has checked signatures, scope and dates.
    pub waivers: &'a [Waiver],
}

impl UseRequest<'_> {
    /// The facts of these terms, and of no other row, that are waived.
    pub(crate) fn waived(&self) -> Waived {
        let these = self.waivers.iter().filter(|waiver| waiver.terms == self.terms.key);
        these.fold(Waived::NONE, |all, waiver| waiver.facts.facts().fold(all, Waived::with))
    }

    /// The contracts that waive them, for the verdict; no policy reads them.
    pub(crate) fn grants(&self) -> Vec<GrantId> {
        let these = self.waivers.iter().filter(|waiver| waiver.terms == self.terms.key);
        these.map(|waiver| waiver.grant).collect()
    }
}

/// A contract that waives these facts of every row that binds, for questions that nobody asks.
pub(crate) fn waivers(terms: &Terms, facts: Waived) -> Result<Vec<Waiver>, RecordError> {
    let grant = GrantId::from_parts(Timestamp::from_micros(0), &[0; 32]);
    let of_row = |row: Row| Waiver {
        terms: row.terms,
        grant,
        facts,
    };
    Ok(stack::rows(terms)?.into_iter().map(of_row).collect())
}

/// What a contract waives of one row of terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiver {
    /// The row.
    pub terms: TermsKey,
    /// The contract.
    pub grant: GrantId,
    /// The facts of the row.
    pub facts: Waived,
}

/// How a call stands to the market that it comes from. Policies read it where a model is asked; what is decided offline comes
/// from no market and has the default: nothing stands against it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts that are independent of each other"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offering {
    /// Whether anything is offered in the market at all.
    pub open: bool,
    /// Whether the provider, under the agreement, is offered there.
    pub offered: bool,
    /// Whether a model that needs an approval there has one.
    pub approved: bool,
    /// Whether the provider stores and processes where the organisation must.
    pub resident: bool,
}

impl Default for Offering {
    fn default() -> Self {
        Self {
            open: true,
            offered: true,
            approved: true,
            resident: true,
        }
    }
}

/// How an organisation stands to terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Footing {
    /// A named person accepted exactly this version (by digest) for the organisation.
    Accepted,
    /// Nobody did.
    NotAccepted,
    /// The organisation is itself the party that grants: its own models.
    Own,
}

/// What somebody wants to do, with the circumstances that the policies read.
#[derive(Clone, Copy, Debug)]
pub enum Use<'a> {
    /// Ask a model and show the answer.
    Infer {
        /// What the key was issued for; any will do.
        purpose: Purpose,
    },
    /// Ask a model and keep the answer for a dataset.
    Collect {
        /// What the key was issued for; it must be `collect`.
        purpose: Purpose,
    },
    /// Train a model on what was recorded or imported under the terms.
    Train(Training),
    /// Score models on answers.
    Evaluate {
        /// What the key was issued for; it must be `evaluate`.
        purpose: Purpose,
        /// What the scores are for.
        scores: Scores,
    },
    /// Publish a dataset with records under the terms.
    PublishDataset {
        /// Whether commercial use is intended.
        commerce: Commerce,
        /// Records of unknown origin in the dataset.
        untraced: u64,
    },
    /// Offer a model that was trained on records under the terms.
    Release(Release<'a>),
    /// Let a person read what was recorded under the terms.
    ReadContent(Reading<'a>),
}

impl Use<'_> {
    /// The action, as verdicts name it.
    pub const fn action(&self) -> UseAction {
        match self {
            Self::Infer { .. } => UseAction::Infer,
            Self::Collect { .. } => UseAction::Collect,
            Self::Train(_) => UseAction::Train,
            Self::Evaluate { .. } => UseAction::Evaluate,
            Self::PublishDataset { .. } => UseAction::PublishDataset,
            Self::Release(_) => UseAction::Release,
            Self::ReadContent(_) => UseAction::ReadContent,
        }
    }
}

/// The circumstances of training. The defaults of its enums are the strict readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Training {
    /// Whether the model competes with the party of the terms.
    pub competition: Competition,
    /// Whether commercial use is intended.
    pub commerce: Commerce,
    /// Records of unknown origin among the training data; they never train.
    pub untraced: u64,
}

/// The circumstances of a release.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// What the model was trained for.
    pub training: Training,
    /// Who asks for the release.
    pub requester: &'a str,
    /// Who approved it, each once.
    pub approvers: &'a BTreeSet<String>,
    /// How many people the market demands; fewer than two never suffice.
    pub quorum: u64,
    /// Whether each role that the market demands is among those who approved.
    pub roles: Demand,
    /// Whether the evidence that the market demands is complete.
    pub evidence: Demand,
    /// What is owed where the model is offered.
    pub duties: DutiesMet,
}

/// Whether a demand is met. What nobody has looked at is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// It is met, or nothing is demanded.
    Met,
    /// It is not, or nobody knows.
    #[default]
    Unmet,
}

/// What a model that learned from terms owes where it is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DutiesMet {
    /// Notices, and the names that the terms demand.
    pub attribution: Demand,
    /// Restrictions passed on in the model's licence.
    pub flow_down: Demand,
    /// The model licensed alike.
    pub share_alike: Demand,
    /// Users and revenue below the numbers at which the terms end.
    pub caps: Demand,
    /// The label that the market demands for generated content.
    pub label: Demand,
}

impl DutiesMet {
    /// Nothing is owed that is not done.
    pub const MET: Self = Self {
        attribution: Demand::Met,
        flow_down: Demand::Met,
        share_alike: Demand::Met,
        caps: Demand::Met,
        label: Demand::Met,
    };
}

/// A person reads recorded content.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Where the reader is.
    pub market: &'a Market,
    /// That market and everything that it is a part of: its country, and the groups that hold either.
    pub within: &'a [Market],
    /// Where the content must stay; anywhere where none is named.
    pub residency: &'a [Market],
    /// The ticket that the reading is for; empty where there is none.
    pub ticket: &'a str,
    /// In which way the content is reached.
    pub access: Access,
}

/// In which way content is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// By the ticket.
    #[default]
    Ordinary,
    /// Without waiting for one: a second person must look at it afterwards.
    BreakGlass,
}

/// Whether a model competes with the party of the terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Competition {
    /// It does, or nobody has found that it does not. A general chatbot competes with a general model.
    #[default]
    Competes,
    /// A person found and recorded that it does not.
    FoundNotToCompete,
}

/// Whether commercial use is intended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Commerce {
    /// It is, or nobody excluded it.
    #[default]
    Commercial,
    /// It is excluded.
    Noncommercial,
}

/// What the scores of an evaluation are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scores {
    /// They are reported and nothing else.
    Reported,
    /// They select checkpoints, filter data or reward: that is training.
    FeedTraining(Training),
}

/// How an installation reads what the documents leave open. Recorded: part of the digest of the policies in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How `benchmark = silent` is read.
    #[serde(default)]
    pub silent_benchmark: Silence,
}

/// How silence is read. The default: what a document does not speak of, it does not forbid. It is applied to
/// `benchmark` only; every other fact that must be `yes` is not satisfied by silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// As permission.
    #[default]
    Permits,
    /// As refusal.
    Forbids,
}
