//! The policies in force: read and validated once, then asked often.

use cedar_policy::{Authorizer, Decision as CedarDecision, PolicyId};
use cultivar_record::{Decision, Digest, Reason, Terms, Timestamp, Verdict, VerdictId, Waived, digest_of};

use crate::{
    PolicyError, Settings, UseRequest,
    pack::{Note, POLICIES, Pack, PolicyText, SCHEMA, only_forbids},
    prepared::PreparedRows,
    question::Vocabulary,
    stack,
};

/// The reason's policy where no policy permits and none forbids.
const DEFAULT_DENY: &str = "default.deny";
const DEFAULT_DENY_ADVICE: &str =
    "No policy permits this use of these terms. Choose other terms, or have the policies reviewed.";

/// The policies in force, validated, with the settings that they read.
#[derive(Debug)]
pub struct Permits {
    authorizer: Authorizer,
    pub(crate) pack: Pack,
    pub(crate) vocabulary: Vocabulary,
    rows: PreparedRows,
    settings: Settings,
    digest: Digest,
}

impl Permits {
    /// The shipped schema and policies.
    pub fn shipped(settings: Settings) -> Result<Self, PolicyError> {
        Self::new(SCHEMA, &POLICIES, settings)
    }

    /// The shipped schema and policies, tightened by packs of an organisation. What packs forbid comes last in a verdict.
    ///
    /// # Errors
    /// `policy::pack_loosens` for a pack that holds a policy that permits; else as [`Permits::new`].
    pub fn tightened(settings: Settings, packs: &[PolicyText<'_>]) -> Result<Self, PolicyError> {
        packs.iter().try_for_each(only_forbids)?;
        let all: Vec<PolicyText<'_>> = POLICIES.iter().chain(packs).copied().collect();
        Self::new(SCHEMA, &all, settings)
    }

    /// How many policies are in force.
    pub fn policies(&self) -> usize {
        self.pack.notes.len()
    }

    /// Policies over a schema, validated strictly (a warning is refused as well). Verdicts list reasons in the given order.
    ///
    /// # Errors
    /// `policy::schema_unreadable`, `policy::policy_refused` naming the file, `policy::policy_duplicate`.
    pub fn new(schema: &str, policies: &[PolicyText<'_>], settings: Settings) -> Result<Self, PolicyError> {
        Ok(Self {
            authorizer: Authorizer::new(),
            pack: Pack::read(schema, policies)?,
            vocabulary: Vocabulary::new()?,
            rows: PreparedRows::default(),
            settings,
            digest: digest_of(&(schema, policies, settings))?,
        })
    }

    /// The digest of the schema, the policies and the settings: canonical JSON of the three, in this order.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The answer to one question, with every policy that determined it. Where several rows bind together, each must permit, and the
    /// reasons say whose they are.
    ///
    /// # Errors
    /// `policy::undecided` where a policy failed: treat it as a refusal. `record::not_canonical` where the row has no digest.
    pub fn decide(&self, asked: &UseRequest<'_>, id: VerdictId, at: Timestamp) -> Result<Verdict, PolicyError> {
        let parts = stack::parts(asked.terms);
        let each = parts.iter().map(|part| {
            let asked = UseRequest { terms: part, ..*asked };
            self.decide_row(&asked, id, at)
        });
        match each.collect::<Result<Vec<_>, _>>()?.into_iter().reduce(both) {
            None => self.decide_row(asked, id, at),
            Some(all) => Ok(Verdict {
                terms: asked.terms.key.clone(),
                terms_digest: digest_of(asked.terms)?,
                ..all
            }),
        }
    }

    fn decide_row(&self, asked: &UseRequest<'_>, id: VerdictId, at: Timestamp) -> Result<Verdict, PolicyError> {
        let row = self.rows.get(asked.terms, &self.vocabulary)?;
        let request = self.vocabulary.request(asked, self.settings)?;
        let action = asked.wanted.action();
        let policies = self.pack.policies.get(&action).ok_or_else(|| PolicyError::Undecided {
            reason: format!("no policies are known for `{action}`"),
        })?;
        let response = self.authorizer.is_authorized(&request, policies, &row.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(PolicyError::Undecided {
                reason: error.to_string(),
            });
        }
        let decision = match response.decision() {
            CedarDecision::Allow => Decision::Permit,
            CedarDecision::Deny => Decision::Forbid,
        };
        Ok(Verdict {
            id,
            organization: asked.organization,
            action,
            decision,
            reasons: self.reasons(response.diagnostics().reason(), asked.terms),
            terms: asked.terms.key.clone(),
            terms_digest: row.digest,
            policies: self.digest,
            waived: asked.waived(),
            grants: asked.grants(),
            at,
        })
    }

    fn reasons<'a>(&self, determining: impl Iterator<Item = &'a PolicyId>, terms: &Terms) -> Vec<Reason> {
        let mut found: Vec<(&PolicyId, &Note)> =
            determining.filter_map(|id| self.pack.notes.get_key_value(id)).collect();
        found.sort_by_key(|(_, note)| note.place);
        let reasons: Vec<Reason> = found.into_iter().map(|(id, note)| reason(id, note, terms)).collect();
        if reasons.is_empty() {
            vec![default_deny()]
        } else {
            reasons
        }
    }
}

/// Both verdicts must permit; of a refusal only the reasons of those that refuse are told.
fn both(one: Verdict, other: Verdict) -> Verdict {
    let (one, other) = (named(one), named(other));
    let waived = other.waived.facts().fold(one.waived, Waived::with);
    let mut grants = [one.grants.as_slice(), &other.grants].concat();
    grants.dedup();
    let told = match (one.permits(), other.permits()) {
        (true, false) => other,
        (false, true) => one,
        _ => Verdict {
            reasons: [one.reasons, other.reasons].concat(),
            ..one
        },
    };
    Verdict { waived, grants, ..told }
}

/// A verdict whose reasons say whose terms they are about.
fn named(verdict: Verdict) -> Verdict {
    let terms = verdict.terms.clone();
    let reasons = verdict.reasons.into_iter().map(|reason| Reason {
        terms: reason.terms.or_else(|| Some(terms.clone())),
        ..reason
    });
    Verdict {
        reasons: reasons.collect(),
        ..verdict
    }
}

pub(crate) fn reason(id: &PolicyId, note: &Note, terms: &Terms) -> Reason {
    let clause = note
        .fact
        .map(|_| terms.clause.clone())
        .filter(|clause| !clause.is_empty());
    Reason {
        policy: id.to_string(),
        fact: note.fact,
        value: note.fact.map(|fact| terms.fact(fact)),
        clause,
        advice: Some(note.advice.clone()),
        terms: None,
    }
}

fn default_deny() -> Reason {
    Reason {
        policy: DEFAULT_DENY.to_owned(),
        fact: None,
        value: None,
        clause: None,
        advice: Some(DEFAULT_DENY_ADVICE.to_owned()),
        terms: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cedar_policy::Entities;
    use cultivar_record::{Fact, FactName, GrantId, OrganizationId, Purpose, Standing};

    use super::*;
    use crate::pack::read_schema;
    use crate::{
        Access, Commerce, Competition, Demand, DutiesMet, Footing, Offering, Reading, Register, Release, Scores,
        Training, Use, Waiver,
    };

    const ORGANIZATION: [u8; 32] = [1; 32];

    fn waiver(terms: &Terms, facts: Waived) -> Waiver {
        Waiver {
            terms: terms.key.clone(),
            grant: GrantId::from_parts(Timestamp::from_micros(0), &ORGANIZATION),
            facts,
        }
    }

    fn with_policy(text: &str) -> Result<Permits, PolicyError> {
        let file = PolicyText {
            file: "own.cedar",
            text,
        };
        Permits::new(SCHEMA, &[file], Settings::default())
    }

    fn infer(permits: &Permits) -> Verdict {
        let register = Register::shipped().unwrap();
        let zero = Timestamp::from_micros(0);
        let request = UseRequest {
            organization: OrganizationId::from_parts(zero, &ORGANIZATION),
            standing: Standing::Active,
            footing: Footing::Accepted,
            terms: register.get(&"mit".parse().unwrap()).unwrap(),
            wanted: Use::Infer {
                purpose: Purpose::Serve,
            },
            offering: Offering::default(),
            waivers: &[],
        };
        permits
            .decide(&request, VerdictId::from_parts(zero, &ORGANIZATION), zero)
            .unwrap()
    }

    #[test]
    fn without_a_policy_nothing_is_permitted_and_the_reason_says_so() {
        let verdict = infer(&Permits::new(SCHEMA, &[], Settings::default()).unwrap());
        assert_eq!(verdict.decision, Decision::Forbid);
        assert_eq!(verdict.reasons, [default_deny()]);
    }

    #[test]
    fn of_a_stack_a_contract_waives_facts_of_its_own_row_only() {
        let permits = Permits::shipped(Settings::default()).unwrap();
        let register = Register::shipped().unwrap();
        let mit = register.get(&"mit".parse().unwrap()).unwrap();
        let row = |key: &str| Terms {
            key: key.parse().unwrap(),
            train_competing: Fact::No,
            ..mit.clone()
        };
        let rows = [&row("model"), &row("host")];
        let both = stack::stack(&rows).unwrap();
        let facts: Waived = [FactName::TrainCompeting].into_iter().collect();
        let all = [waiver(rows[0], facts), waiver(rows[1], facts)];
        let train = |waivers: &[Waiver]| {
            let zero = Timestamp::from_micros(0);
            let request = UseRequest {
                organization: OrganizationId::from_parts(zero, &ORGANIZATION),
                standing: Standing::Active,
                footing: Footing::Accepted,
                terms: &both,
                wanted: Use::Train(Training {
                    competition: Competition::Competes,
                    commerce: Commerce::Commercial,
                    untraced: 0,
                }),
                offering: Offering::default(),
                waivers,
            };
            let id = VerdictId::from_parts(zero, &ORGANIZATION);
            permits.decide(&request, id, zero).unwrap()
        };
        let one = train(&all[..1]);
        assert!(!one.permits());
        let whose: BTreeSet<_> = one.reasons.iter().filter_map(|reason| reason.terms.as_ref()).collect();
        assert_eq!(whose, BTreeSet::from([&rows[1].key]));
        assert!(train(&all).permits());
    }

    #[test]
    fn a_pack_tightens_and_is_named_by_the_digest() {
        let rule = |effect| {
            format!(
                r#"@id("own.rule") @fact("none") @source("ours") @advice("Ask Ann.")
                {effect}(principal, action == Action::"Infer", resource);"#
            )
        };
        let tightened = |text: &str| {
            Permits::tightened(
                Settings::default(),
                &[PolicyText {
                    file: "own.cedar",
                    text,
                }],
            )
        };
        let base = Permits::shipped(Settings::default()).unwrap();
        let strict = tightened(&rule("forbid")).unwrap();
        let verdict = infer(&strict);
        assert!(infer(&base).permits() && !verdict.permits());
        assert_eq!(verdict.reasons[0].policy, "own.rule");
        assert_ne!(strict.digest(), base.digest());
        assert_eq!(
            Permits::tightened(Settings::default(), &[]).unwrap().digest(),
            base.digest()
        );
        let error = tightened(&rule("permit")).unwrap_err();
        let loosens = PolicyError::PackLoosens {
            file: "own.cedar".to_owned(),
            policy: "own.rule".to_owned(),
        };
        assert_eq!(error, loosens);
        let clash = tightened(&rule("forbid").replace("own.rule", "train.any")).unwrap_err();
        assert!(matches!(clash, PolicyError::PolicyDuplicate { .. }), "{clash:?}");
        let unknown = tightened(&rule("forbid").replace("Infer", "Guess")).unwrap_err();
        assert!(matches!(unknown, PolicyError::PolicyRefused { .. }), "{unknown:?}");
    }

    #[test]
    fn the_shipped_packs_hold() {
        for text in [
            include_str!("../packs/cautious.cedar"),
            include_str!("../packs/research.cedar"),
        ] {
            let pack = PolicyText {
                file: "pack.cedar",
                text,
            };
            assert!(Permits::tightened(Settings::default(), &[pack]).unwrap().policies() > 30);
        }
    }

    #[test]
    fn a_policy_that_fails_permits_nothing() {
        let overflow = r#"@id("a") @fact("none") @source("s") @advice("b")
            forbid(principal, action == Action::"PublishDataset", resource)
            when { context.untraced + 1 > 5 };
            @id("c") @fact("none") @source("s") @advice("d") permit(principal, action, resource);"#;
        let permits = with_policy(overflow).unwrap();
        assert!(infer(&permits).permits());
        let register = Register::shipped().unwrap();
        let zero = Timestamp::from_micros(0);
        let request = UseRequest {
            organization: OrganizationId::from_parts(zero, &ORGANIZATION),
            standing: Standing::Active,
            footing: Footing::Accepted,
            terms: register.get(&"mit".parse().unwrap()).unwrap(),
            wanted: Use::PublishDataset {
                commerce: Commerce::Commercial,
                untraced: u64::MAX,
            },
            offering: Offering::default(),
            waivers: &[],
        };
        let error = permits
            .decide(&request, VerdictId::from_parts(zero, &ORGANIZATION), zero)
            .unwrap_err();
        assert!(matches!(error, PolicyError::Undecided { .. }), "{error:?}");
    }

    #[test]
    fn every_kind_of_question_fits_the_schema() {
        let register = Register::shipped().unwrap();
        let vocabulary = Vocabulary::new().unwrap();
        let schema = read_schema(SCHEMA).unwrap();
        let training = Training {
            competition: Competition::Competes,
            commerce: Commerce::Commercial,
            untraced: 1,
        };
        let (purpose, approvers) = (Purpose::Serve, BTreeSet::from(["Ben".to_owned()]));
        let here = ["DE".parse().unwrap(), "EU".parse().unwrap()];
        let uses = [
            Use::Infer { purpose },
            Use::Collect { purpose },
            Use::Train(training),
            Use::Evaluate {
                purpose,
                scores: Scores::Reported,
            },
            Use::Evaluate {
                purpose,
                scores: Scores::FeedTraining(training),
            },
            Use::PublishDataset {
                commerce: Commerce::Noncommercial,
                untraced: 0,
            },
            Use::Release(Release {
                training,
                requester: "Ann",
                approvers: &approvers,
                quorum: 2,
                roles: Demand::Met,
                evidence: Demand::Unmet,
                duties: DutiesMet::MET,
            }),
            Use::ReadContent(Reading {
                market: &here[0],
                within: &here,
                residency: &here,
                ticket: "T-1",
                access: Access::Ordinary,
            }),
        ];
        for terms in register.rows() {
            let entities = vocabulary.entities(terms).unwrap();
            let waivers = [waiver(terms, FactName::ALL.into_iter().collect())];
            Entities::from_entities(entities.iter().cloned(), Some(&schema)).unwrap();
            for wanted in uses {
                let organization = OrganizationId::from_parts(Timestamp::from_micros(0), &ORGANIZATION);
                let (standing, footing) = (Standing::Limited, Footing::Own);
                let asked = UseRequest {
                    organization,
                    standing,
                    footing,
                    terms,
                    wanted,
                    offering: Offering::default(),
                    waivers: &waivers,
                };
                let request = vocabulary.request(&asked, Settings::default()).unwrap();
                let context = request.context().unwrap().clone();
                context.validate(&schema, request.action().unwrap()).unwrap();
            }
        }
    }
}
