//! Policy texts, read and validated: Cedar policies under the ids, facts and advice of their annotations.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use cultivar_record::{FactName, UseAction};
use serde::Serialize;

use crate::PolicyError;

/// The shipped schema.
pub(crate) const SCHEMA: &str = include_str!("../policies/schema.cedarschema");

/// The shipped policies, in the order in which a verdict lists its reasons: what no acceptance would change comes first.
pub(crate) const POLICIES: [PolicyText<'static>; 10] = [
    PolicyText {
        file: "standing.cedar",
        text: include_str!("../policies/standing.cedar"),
    },
    PolicyText {
        file: "offering.cedar",
        text: include_str!("../policies/offering.cedar"),
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
        file: "read.cedar",
        text: include_str!("../policies/read.cedar"),
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

/// One file of Cedar policies. Each policy carries `@id`, `@fact` (a column of the register, or `none`), `@source` (whose rule it is)
/// and `@advice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyText<'a> {
    /// The file's name, for error messages.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What a policy's annotations say, and its place among the policies.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) place: usize,
    pub(crate) fact: Option<FactName>,
    pub(crate) source: String,
    pub(crate) advice: String,
}

/// Validated policies.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) schema: Schema,
    /// For each action the policies that can apply to it: the others would be evaluated in vain.
    pub(crate) policies: BTreeMap<UseAction, PolicySet>,
    pub(crate) notes: BTreeMap<PolicyId, Note>,
}

impl Pack {
    pub(crate) fn read(schema: &str, files: &[PolicyText<'_>]) -> Result<Self, PolicyError> {
        let schema = read_schema(schema)?;
        let validator = Validator::new(schema.clone());
        let mut notes = BTreeMap::new();
        let mut sets = BTreeMap::from(UseAction::ALL.map(|action| (action, PolicySet::new())));
        for file in files {
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
            schema,
            policies: sets,
            notes,
        })
    }
}

/// Refuses a pack of an organisation that could permit anything: whatever is added to policies that only forbids, only tightens.
pub(crate) fn only_forbids(file: &PolicyText<'_>) -> Result<(), PolicyError> {
    let set: PolicySet = file.text.parse().map_err(|error| refused(file, format!("{error}")))?;
    let permits = |effect| effect == Effect::Permit;
    let templates = set
        .templates()
        .map(|template| (template.annotation("id"), template.effect()));
    let policies = set.policies().map(|policy| (policy.annotation("id"), policy.effect()));
    match policies.chain(templates).find(|(_, effect)| permits(*effect)) {
        None => Ok(()),
        Some((id, _)) => Err(PolicyError::PackLoosens {
            file: file.file.to_owned(),
            policy: id.unwrap_or("without an @id").to_owned(),
        }),
    }
}

pub(crate) fn read_schema(text: &str) -> Result<Schema, PolicyError> {
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
    Ok(Note {
        place,
        fact,
        source: annotation(policy, "source")?.to_owned(),
        advice: annotation(policy, "advice")?.to_owned(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(schema: &str, text: &str) -> Result<Pack, PolicyError> {
        let file = "own.cedar";
        Pack::read(schema, &[PolicyText { file, text }])
    }

    #[test]
    fn policies_that_cannot_be_trusted_are_refused_at_load() {
        let head = r#"@id("a") @fact("none") @source("c") @advice("b")"#;
        let cases = [
            ("permit(", "unexpected"),
            (
                r#"@fact("none") @source("c") @advice("b") permit(principal, action, resource);"#,
                "@id",
            ),
            (r#"@id("a") @advice("b") permit(principal, action, resource);"#, "@fact"),
            (
                r#"@id("a") @fact("none") @advice("b") permit(principal, action, resource);"#,
                "@source",
            ),
            (
                r#"@id("a") @fact("none") @source("c") permit(principal, action, resource);"#,
                "@advice",
            ),
            (
                r#"@id("a") @fact("train_all") @source("c") @advice("b") permit(principal, action, resource);"#,
                "train_all",
            ),
            (
                &format!("{head} permit(principal, action, resource) when {{ resource.train_all == Fact::\"yes\" }};"),
                "train_all",
            ),
            (
                &format!("{head} permit(principal, action, resource) when {{ resource.benchmark == Fact::\"yse\" }};"),
                "yse",
            ),
            (
                &format!("{head} permit(principal, action == Action::\"Trian\", resource);"),
                "Trian",
            ),
            (
                &format!("{head} permit(principal == ?principal, action, resource);"),
                "template",
            ),
        ];
        for (text, wanted) in cases {
            let error = read(SCHEMA, text).unwrap_err();
            let PolicyError::PolicyRefused { file, reason } = &error else {
                panic!("{text}: {error:?}");
            };
            assert!(file == "own.cedar" && reason.contains(wanted), "{text}: {reason}");
        }
        let twice = format!("{head} permit(principal, action, resource); {head} forbid(principal, action, resource);");
        let error = read(SCHEMA, &twice).unwrap_err();
        assert_eq!(error, PolicyError::PolicyDuplicate { policy: "a".to_owned() });
        let error = read("entity;", "").unwrap_err();
        assert!(matches!(error, PolicyError::SchemaUnreadable { .. }));
    }
}
