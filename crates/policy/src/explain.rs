//! "What may I do with this?": each use of a row of terms, by Cedar's type-aware partial evaluation. Nothing is known of the
//! circumstances then; what remains of each rule is a condition that must not come true.
//!
//! Beside it stands the answer to the kindest circumstances without a grant, so that "only with a grant" can be told from "if".

use std::collections::BTreeSet;

use cedar_policy::{
    Effect, EntityId, EntityTypeName, EntityUid, PartialEntities, PartialEntityUid, PartialRequest, Policy, PolicyId,
};
use cultivar_record::{
    Market, OrganizationId, Purpose, Reason, Standing, Terms, Timestamp, UseAction, VerdictId, Waived,
};
use serde::Serialize;

use crate::{
    Access, Commerce, Competition, Demand, DutiesMet, Footing, Offering, Permits, PolicyError, Reading, Release,
    Scores, Training, Use, UseRequest, permits::reason, request::waivers,
};

/// What may be done with a row of terms, for one use.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The use.
    pub action: UseAction,
    /// In one word.
    pub answer: Answer,
    /// What forbids it in the kindest circumstances; empty where those are permitted.
    pub forbidden_by: Vec<Reason>,
    /// The rules that the facts of the row leave open, in the order of a verdict.
    pub conditions: Vec<Condition>,
}

/// Whether a use is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is permitted where no condition comes true.
    PermittedIf,
    /// Only a grant would permit it.
    OnlyWithGrant,
    /// Nothing would.
    Forbidden,
}

/// A rule that would still forbid.
#[derive(Clone, Debug, Serialize)]
pub struct Condition {
    /// The rule, with the fact that it reads and the advice.
    #[serde(flatten)]
    pub reason: Reason,
    /// Whose rule it is.
    pub source: String,
    /// When it forbids: what partial evaluation leaves of it, as a Cedar expression over `context`.
    pub forbids_when: String,
}

impl Permits {
    /// What may be done with these terms.
    ///
    /// # Errors
    /// `policy::undecided` where a policy failed.
    pub fn explain(&self, terms: &Terms, action: UseAction) -> Result<Explanation, PolicyError> {
        let conditions = self.conditions(terms, action)?;
        let kindest = |waived| self.kindest(terms, action, waived);
        let verdict = kindest(Waived::NONE)?;
        let answer = if verdict.is_empty() {
            Answer::PermittedIf
        } else if kindest(cultivar_record::FactName::ALL.into_iter().collect())?.is_empty() {
            Answer::OnlyWithGrant
        } else {
            Answer::Forbidden
        };
        Ok(Explanation {
            action,
            answer,
            forbidden_by: verdict,
            conditions,
        })
    }

    /// What partial evaluation leaves of the rules that forbid.
    fn conditions(&self, terms: &Terms, action: UseAction) -> Result<Vec<Condition>, PolicyError> {
        let schema = &self.pack.schema;
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(undecided);
        let uid = EntityUid::from_type_name_and_id(name("Action")?, EntityId::new(action.as_str()));
        let row = PartialEntityUid::new(name("Terms")?, Some(EntityId::new(terms.key.as_str())));
        let anybody = PartialEntityUid::new(name("Organization")?, None);
        let request = PartialRequest::new(anybody, uid, row, None, schema).map_err(undecided)?;
        let entities = self.vocabulary.entities(terms)?;
        let entities = PartialEntities::from_concrete(entities, schema).map_err(undecided)?;
        let policies = self
            .pack
            .policies
            .get(&action)
            .ok_or_else(|| undecided("no policies"))?;
        let response = policies.tpe(&request, &entities, schema).map_err(undecided)?;
        let open = response.policies().filter(|policy| policy.effect() == Effect::Forbid);
        let never: BTreeSet<&PolicyId> = response.false_forbids().collect();
        let mut found: Vec<(usize, Condition)> = open
            .filter(|policy| !never.contains(policy.id()))
            .filter_map(|policy| {
                let note = self.pack.notes.get(policy.id())?;
                let condition = Condition {
                    reason: reason(policy.id(), note, terms),
                    source: note.source.clone(),
                    forbids_when: residual(&policy),
                };
                Some((note.place, condition))
            })
            .collect();
        found.sort_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, condition)| condition).collect())
    }

    /// What forbids a use in circumstances in which everything that can be done is done.
    fn kindest(&self, terms: &Terms, action: UseAction, waived: Waived) -> Result<Vec<Reason>, PolicyError> {
        let zero = Timestamp::from_micros(0);
        let approvers: BTreeSet<String> = (0_u8..16).map(|place| place.to_string()).collect();
        let nowhere: Market = "ZZ".parse()?;
        let request = UseRequest {
            organization: OrganizationId::from_parts(zero, &[0; 32]),
            standing: Standing::Active,
            footing: Footing::Accepted,
            terms,
            wanted: kindest_use(action, &approvers, &nowhere),
            offering: Offering::default(),
            waivers: &waivers(terms, waived)?,
        };
        let verdict = self.decide(&request, VerdictId::from_parts(zero, &[0; 32]), zero)?;
        Ok(if verdict.permits() { Vec::new() } else { verdict.reasons })
    }
}

const fn kindest_use<'a>(action: UseAction, approvers: &'a BTreeSet<String>, nowhere: &'a Market) -> Use<'a> {
    let training = Training {
        competition: Competition::FoundNotToCompete,
        commerce: Commerce::Noncommercial,
        untraced: 0,
    };
    match action {
        UseAction::Infer => Use::Infer {
            purpose: Purpose::Serve,
        },
        UseAction::Collect => Use::Collect {
            purpose: Purpose::Collect,
        },
        UseAction::Train => Use::Train(training),
        UseAction::Evaluate => Use::Evaluate {
            purpose: Purpose::Evaluate,
            scores: Scores::Reported,
        },
        UseAction::PublishDataset => Use::PublishDataset {
            commerce: Commerce::Noncommercial,
            untraced: 0,
        },
        UseAction::Release => Use::Release(Release {
            training,
            requester: "",
            approvers,
            quorum: 0,
            roles: Demand::Met,
            evidence: Demand::Met,
            duties: DutiesMet::MET,
        }),
        UseAction::ReadContent => Use::ReadContent(Reading {
            market: nowhere,
            within: &[],
            residency: &[],
            ticket: "-",
            access: Access::Ordinary,
        }),
    }
}

/// The condition of a residual policy, without the head that every residual has.
fn residual(policy: &Policy) -> String {
    let text = policy.to_string();
    let condition = text.split_once("when {").and_then(|(_, rest)| rest.rsplit_once('}'));
    let words: Vec<&str> = condition
        .map_or(text.as_str(), |(inner, _)| inner)
        .split_whitespace()
        .collect();
    words.join(" ")
}

fn undecided(error: impl std::fmt::Display) -> PolicyError {
    PolicyError::Undecided {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Register, Settings};

    fn explain(key: &str, action: UseAction) -> Explanation {
        let permits = Permits::shipped(Settings::default()).unwrap();
        let register = Register::shipped().unwrap();
        permits
            .explain(register.get(&key.parse().unwrap()).unwrap(), action)
            .unwrap()
    }

    fn rules(explanation: &Explanation) -> Vec<&str> {
        explanation
            .conditions
            .iter()
            .map(|each| each.reason.policy.as_str())
            .collect()
    }

    #[test]
    fn what_the_facts_settle_is_no_condition_any_more() {
        let open = explain("mit", UseAction::Train);
        assert_eq!(open.answer, Answer::PermittedIf);
        assert_eq!(rules(&open), ["standing.served", "train.untraced", "terms.accepted"]);
        let bound = explain("openai-services-2026-01-01", UseAction::Train);
        assert_eq!(bound.answer, Answer::PermittedIf);
        assert_eq!(
            rules(&bound),
            ["standing.served", "train.untraced", "train.competing", "terms.accepted"]
        );
        let competing = &bound.conditions[2];
        assert!(
            competing.forbids_when.contains("competes"),
            "{}",
            competing.forbids_when
        );
        assert!(competing.forbids_when.contains("train_competing") && competing.reason.clause.is_some());
    }

    #[test]
    fn what_only_a_grant_would_permit_is_said_to_be_so() {
        let closed = explain("anthropic-commercial-2025-06-17", UseAction::Train);
        assert_eq!(closed.answer, Answer::OnlyWithGrant);
        assert_eq!(closed.forbidden_by[0].policy, "train.any");
        let measured = explain("mistral-tos-2024-02-08", UseAction::Evaluate);
        assert_eq!(
            (measured.answer, measured.forbidden_by[0].policy.as_str()),
            (Answer::OnlyWithGrant, "evaluate.benchmark")
        );
    }

    #[test]
    fn every_use_of_every_row_is_explained_and_the_answer_is_that_of_a_verdict() {
        let permits = Permits::shipped(Settings::default()).unwrap();
        for terms in Register::shipped().unwrap().rows() {
            for action in UseAction::ALL {
                let explained = permits.explain(terms, action).unwrap();
                assert_eq!(
                    explained.answer == Answer::PermittedIf,
                    explained.forbidden_by.is_empty()
                );
                assert_ne!(explained.answer, Answer::Forbidden, "{terms:?} {action}");
                assert!(
                    !explained.conditions.is_empty() && explained.conditions.iter().all(|c| !c.forbids_when.is_empty())
                );
            }
        }
    }

    #[test]
    fn a_pack_that_forbids_outright_leaves_nothing_open() {
        let text = r#"@id("own.rule") @fact("none") @source("ours") @advice("Ask Ann.")
            forbid(principal, action == Action::"Train", resource);"#;
        let pack = crate::PolicyText {
            file: "own.cedar",
            text,
        };
        let permits = Permits::tightened(Settings::default(), &[pack]).unwrap();
        let register = Register::shipped().unwrap();
        let explained = permits
            .explain(register.get(&"mit".parse().unwrap()).unwrap(), UseAction::Train)
            .unwrap();
        assert_eq!(
            (explained.answer, explained.forbidden_by[0].policy.as_str()),
            (Answer::Forbidden, "own.rule")
        );
        assert!(rules(&explained).contains(&"own.rule"));
    }
}
