//! Questions about every request, asked of a solver. An example is believed only where Cedar's own evaluator agrees with it.

use std::error::Error;

use cedar_policy::{Authorizer, Decision, Policy, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env, solver::LocalSolver};

use crate::files;

/// The symbolic compiler's version, as `Cargo.toml` pins it.
pub(crate) const VERSION: &str = "0.8.1";

pub(crate) struct Prover<'a> {
    schema: &'a Schema,
    compiler: CedarSymCompiler<LocalSolver>,
}

impl<'a> Prover<'a> {
    pub(crate) fn new(schema: &'a Schema) -> Result<Self, Box<dyn Error>> {
        let solver = LocalSolver::cvc5_with_args(["--tlimit-per=60000"])
            .map_err(|error| format!("cvc5 does not start ({error}): `apt-get install cvc5`"))?;
        Ok(Self {
            schema,
            compiler: CedarSymCompiler::new(solver)?,
        })
    }

    pub(crate) const fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// Whether a policy can be evaluated for every request that it can apply to.
    pub(crate) async fn never_fails(&mut self, policy: &Policy) -> Result<bool, Box<dyn Error>> {
        for environment in policy.get_valid_request_envs(self.schema) {
            let compiled = CompiledPolicy::compile(policy, &environment, self.schema)?;
            if !self.compiler.check_never_errors_opt(&compiled).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A request that the policies permit.
    pub(crate) async fn permitted(
        &mut self,
        policies: &PolicySet,
        environment: &RequestEnv,
    ) -> Result<Option<String>, Box<dyn Error>> {
        let compiled = self.compile(policies, environment)?;
        let found = self
            .compiler
            .check_always_denies_with_counterexample_opt(&compiled)
            .await?;
        told(found, |example| permits(example, policies))
    }

    /// A request that both permit.
    pub(crate) async fn permitted_by_both(
        &mut self,
        one: &PolicySet,
        other: &PolicySet,
        environment: &RequestEnv,
    ) -> Result<Option<String>, Box<dyn Error>> {
        let compiled = (self.compile(one, environment)?, self.compile(other, environment)?);
        let found = self
            .compiler
            .check_disjoint_with_counterexample_opt(&compiled.0, &compiled.1)
            .await?;
        told(found, |example| permits(example, one) && permits(example, other))
    }

    /// An action and a request that the one permits and the other does not.
    pub(crate) async fn loosening(
        &mut self,
        one: &PolicySet,
        other: &PolicySet,
    ) -> Result<Option<(String, String)>, Box<dyn Error>> {
        for environment in self.schema.request_envs() {
            let compiled = (self.compile(one, &environment)?, self.compile(other, &environment)?);
            let found = self
                .compiler
                .check_implies_with_counterexample_opt(&compiled.0, &compiled.1)
                .await?;
            if let Some(example) = told(found, |example| permits(example, one) && !permits(example, other))? {
                return Ok(Some((environment.action().id().unescaped().to_owned(), example)));
            }
        }
        Ok(None)
    }

    fn compile(&self, policies: &PolicySet, environment: &RequestEnv) -> Result<CompiledPolicySet, Box<dyn Error>> {
        files::validated(self.schema, policies)?;
        Ok(CompiledPolicySet::compile(policies, environment, self.schema)?)
    }
}

/// Request and row of terms: the other entities are the words of the schema.
fn shortened(example: &str) -> String {
    let mut in_row = false;
    let told = example.lines().filter(|line| {
        in_row = line.starts_with("  Terms::") || (in_row && !line.starts_with("  }"));
        in_row || line.starts_with("principal:") || line.starts_with("context:")
    });
    let lines: Vec<String> = told.map(|line| format!("        {}", line.trim())).collect();
    lines.join("\n")
}

fn permits(example: &Env, policies: &PolicySet) -> bool {
    let response = Authorizer::new().is_authorized(&example.request, policies, &example.entities);
    response.decision() == Decision::Allow
}

/// An example in words; an example that is none is an error, not a finding.
fn told(found: Option<Env>, agrees: impl FnOnce(&Env) -> bool) -> Result<Option<String>, Box<dyn Error>> {
    match found {
        None => Ok(None),
        Some(example) if agrees(&example) => Ok(Some(shortened(&example.to_string()))),
        Some(example) => Err(format!("the solver's example is none: {example}").into()),
    }
}
