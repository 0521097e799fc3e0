//! The policies in force: read and validated once, then asked often.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{
    Authorizer, Decision as CedarDecision, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use cultivar_record::{Decision, Digest, FactName, Reason, Terms, Timestamp, UseAction, Verdict, VerdictId, digest_of};
use serde::Serialize;

use crate::{PolicyError, Settings, UseRequest, prepared::PreparedRows, question::Vocabulary};

const SCHEMA: &str = include_str!("../policies/schema.cedarschema");

/// The shipped policies, in the order in which a verdict lists its reasons: what no acceptance would change comes first.
const POLICIES: [PolicyText<'static>; 8] = [
    PolicyText {
        file: "standing.cedar",
        text: include_str!("../policies/standing.cedar"),
    },
    PolicyText {
        file: "train.cedar",
        text: include_str!("../policies/train.cedar"),
    },
    PolicyText {
        file: "evaluate.cedar",
        text: include_str!("../policies/evaluate.cedar"),
    },
    PolicyText {
        file: "publish.cedar",
        text: include_str!("../policies/publish.cedar"),
    },
    PolicyText {
        file: "release.cedar",
        text: include_str!("../policies/release.cedar"),
    },
    PolicyText {
        file: "collect.cedar",
        text: include_str!("../policies/collect.cedar"),
    },
    PolicyText {
        file: "infer.cedar",
        text: include_str!("../policies/infer.cedar"),
    },
    PolicyText {
        file: "acceptance.cedar",
        text: include_str!("../policies/acceptance.cedar"),
    },
];

/// The reason's policy where no policy permits and none forbids.
const DEFAULT_DENY: &str = "default.deny";
const DEFAULT_DENY_ADVICE: &str =
    "No policy permits this use of these terms. Choose other terms, or have the policies reviewed.";

/// One file of Cedar policies. Each policy carries `@id`, `@fact` (a column of the register, or `none`) and `@advice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyText<'a> {
    /// The file's name, for error messages.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What a policy's annotations say, and its place among the policies.
#[derive(Debug)]
struct Note {
    place: usize,
    fact: Option<FactName>,
    advice: String,
}

/// The policies in force, validated, with the settings that they read.
#[derive(Debug)]
pub struct Permits {
    authorizer: Authorizer,
    /// For each action the policies that can apply to it: the others would be evaluated in vain.
    policies: BTreeMap<UseAction, PolicySet>,
    notes: BTreeMap<PolicyId, Note>,
    vocabulary: Vocabulary,
    rows: PreparedRows,
    settings: Settings,
    digest: Digest,
}

impl Permits {
    /// The shipped schema and policies.
    pub fn shipped(settings: Settings) -> Result<Self, PolicyError> {
        Self::new(SCHEMA, &POLICIES, settings)
    }

    /// Policies over a schema, validated strictly (a warning is refused as well). Verdicts list reasons in the given order.
    ///
    /// # Errors
    /// `policy::schema_unreadable`, `policy::policy_refused` naming the file, `policy::policy_duplicate`.
    pub fn new(schema: &str, policies: &[PolicyText<'_>], settings: Settings) -> Result<Self, PolicyError> {
        let validator = Validator::new(read_schema(schema)?);
        let mut notes = BTreeMap::new();
        let mut sets = BTreeMap::from(UseAction::ALL.map(|action| (action, PolicySet::new())));
        for file in policies {
            for policy in read_policies(file, &validator)? {
                let note = note(&policy, notes.len()).map_err(|reason| refused(file, reason))?;
                let actions = actions_of(&policy, validator.schema());
                let id = policy.id().clone();
                for (_, set) in sets.iter_mut().filter(|(action, _)| actions.contains(action.as_str())) {
                    set.add(policy.clone()).map_err(|_| duplicate(&id))?;
                }
                if notes.insert(id.clone(), note).is_some() {
                    return Err(duplicate(&id));
                }
            }
        }
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: sets,
            notes,
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

    /// The answer to one question, with every policy that determined it.
    ///
    /// # Errors
    /// `policy::undecided` where a policy failed: treat it as a refusal. `record::not_canonical` where the row has no digest.
    pub fn decide(&self, asked: &UseRequest<'_>, id: VerdictId, at: Timestamp) -> Result<Verdict, PolicyError> {
        let row = self.rows.get(asked.terms, &self.vocabulary)?;
        let request = self.vocabulary.request(asked, self.settings)?;
        let action = asked.wanted.action();
        let policies = self.policies.get(&action).ok_or_else(|| PolicyError::Undecided {
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
            at,
        })
    }

    fn reasons<'a>(&self, determining: impl Iterator<Item = &'a PolicyId>, terms: &Terms) -> Vec<Reason> {
        let mut found: Vec<(&PolicyId, &Note)> = determining.filter_map(|id| self.notes.get_key_value(id)).collect();
        found.sort_by_key(|(_, note)| note.place);
        let reasons: Vec<Reason> = found.into_iter().map(|(id, note)| reason(id, note, terms)).collect();
        if reasons.is_empty() {
            vec![default_deny()]
        } else {
            reasons
        }
    }
}

fn reason(id: &PolicyId, note: &Note, terms: &Terms) -> Reason {
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
    }
}

fn default_deny() -> Reason {
    Reason {
        policy: DEFAULT_DENY.to_owned(),
        fact: None,
        value: None,
        clause: None,
        advice: Some(DEFAULT_DENY_ADVICE.to_owned()),
    }
}

fn read_schema(text: &str) -> Result<Schema, PolicyError> {
    let unreadable = |reason: String| PolicyError::SchemaUnreadable { reason };
    let (schema, mut warnings) = Schema::from_cedarschema_str(text).map_err(|error| unreadable(error.to_string()))?;
    match warnings.next() {
        None => Ok(schema),
        Some(warning) => Err(unreadable(warning.to_string())),
    }
}

/// The policies of a file, in its order, each under the id of its `@id`.
fn read_policies(file: &PolicyText<'_>, validator: &Validator) -> Result<Vec<Policy>, PolicyError> {
    let set: PolicySet = file.text.parse().map_err(|error| refused(file, format!("{error}")))?;
    let result = validator.validate(&set, ValidationMode::Strict);
    if let Some(error) = result.validation_errors().next() {
        return Err(refused(file, error.to_string()));
    }
    if let Some(warning) = result.validation_warnings().next() {
        return Err(refused(file, warning.to_string()));
    }
    if set.num_of_templates() > 0 {
        return Err(refused(file, "a template permits nothing by itself".to_owned()));
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| place_in_file(policy.id()));
    let named = policies.into_iter().map(|policy| {
        let id = annotation(policy, "id").map_err(|reason| refused(file, reason))?;
        Ok(policy.new_id(PolicyId::new(id)))
    });
    named.collect()
}

/// The names of the actions that a policy can apply to, by its scope and by the schema.
fn actions_of(policy: &Policy, schema: &Schema) -> BTreeSet<String> {
    let environments = policy.get_valid_request_envs(schema);
    environments
        .map(|environment| environment.action().id().unescaped().to_owned())
        .collect()
}

fn duplicate(id: &PolicyId) -> PolicyError {
    PolicyError::PolicyDuplicate { policy: id.to_string() }
}

/// Cedar numbers the policies of a text `policy0`, `policy1` …
fn place_in_file(id: &PolicyId) -> usize {
    let digits = id.to_string();
    digits.trim_start_matches("policy").parse().unwrap_or(usize::MAX)
}

fn note(policy: &Policy, place: usize) -> Result<Note, String> {
    let fact = match annotation(policy, "fact")? {
        "none" => None,
        column => {
            let known = FactName::ALL.into_iter().find(|fact| fact.as_str() == column);
            Some(known.ok_or_else(|| format!("`{}` reads the fact `{column}`, which no row has", policy.id()))?)
        }
    };
    let advice = annotation(policy, "advice")?.to_owned();
    Ok(Note { place, fact, advice })
}

fn annotation<'a>(policy: &'a Policy, key: &str) -> Result<&'a str, String> {
    policy
        .annotation(key)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| format!("`{}` has no @{key}", policy.id()))
}

fn refused(file: &PolicyText<'_>, reason: String) -> PolicyError {
    PolicyError::PolicyRefused {
        file: file.file.to_owned(),
        reason,
    }
}
