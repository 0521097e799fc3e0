//! Cedar files as rules under the ids of their annotations. Knows no solver.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

/// One policy of a file.
#[derive(Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    /// What a statement says, in words.
    pub(crate) says: String,
    /// The statement that a loosened copy breaks.
    breaks: Option<String>,
    pub(crate) policy: Policy,
}

pub(crate) fn schema_of(path: &Path) -> Result<Schema, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    Ok(Schema::from_cedarschema_str(&text)?.0)
}

/// The Cedar files of a folder, by name.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "cedar"));
    paths.sort();
    if paths.is_empty() {
        return Err(format!("no Cedar file in `{}`", folder.display()).into());
    }
    Ok(paths)
}

pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Rule>, Box<dyn Error>> {
    let mut rules = Vec::new();
    for path in in_folder(folder)? {
        rules.extend(read(&path)?);
    }
    Ok(rules)
}

pub(crate) fn read(path: &Path) -> Result<Vec<Rule>, Box<dyn Error>> {
    let set: PolicySet = fs::read_to_string(path)?.parse()?;
    let rules = set.policies().map(|policy| {
        let annotation = |key| policy.annotation(key).map(str::to_owned);
        let id = annotation("id").ok_or_else(|| format!("{}: a policy without @id", path.display()))?;
        Ok(Rule {
            policy: policy.new_id(PolicyId::new(&id)),
            says: annotation("says").unwrap_or_default(),
            breaks: annotation("breaks"),
            id,
        })
    });
    let mut rules = rules.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(rules)
}

/// One policy set of rules. An id that is there twice is an error.
pub(crate) fn join(rules: &[Rule]) -> Result<PolicySet, Box<dyn Error>> {
    Ok(PolicySet::from_policies(rules.iter().map(|rule| rule.policy.clone()))?)
}

/// The rules with others laid over them: of the same id, the others stand.
pub(crate) fn replaced(rules: &[Rule], others: &[Rule]) -> Vec<Rule> {
    let kept = rules
        .iter()
        .filter(|rule| others.iter().all(|other| other.id != rule.id));
    kept.chain(others).cloned().collect()
}

/// The statement that loosened copies name.
pub(crate) fn broken_by<'a>(copies: &[Rule], statements: &'a [Rule]) -> Result<&'a Rule, Box<dyn Error>> {
    let named = copies
        .iter()
        .find_map(|copy| copy.breaks.as_ref())
        .ok_or("a loosened copy without @breaks")?;
    let found = statements.iter().find(|statement| statement.id == *named);
    found.ok_or_else(|| format!("no statement is called `{named}`").into())
}

pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Refuses what does not fit the schema, warnings included.
pub(crate) fn validated(schema: &Schema, set: &PolicySet) -> Result<(), Box<dyn Error>> {
    let result = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    match result.validation_errors().next() {
        None => Ok(()),
        Some(error) => Err(error.to_string().into()),
    }
}
