//! Admit: which recorded exchanges may train a model, decided once per provider and version of terms, before anything is
//! read from them.

use std::collections::{BTreeMap, BTreeSet};

use cultivar_gateway::GatewayError;
use cultivar_policy::{Commerce, Competition, Training};
use cultivar_record::{
    ConversationId, Digest, Exchange, ExchangeId, ExchangeOutcome, ExchangeSet, Purpose, Verdict, digest_of,
};
use cultivar_store::tables;

use crate::{Context, PipelineError, Prompts, Recipe, duties};

/// Exchanges read from the database at a time.
const PAGE: u32 = 1_000;

/// What may be trained on.
pub(crate) struct Admitted {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) sets: Vec<ExchangeSet>,
    /// Conversations of refused exchanges, for the dataset's account of what was left out.
    pub(crate) refused: u64,
}

/// Exchanges that one decision covers: provider, its model, and the digest of the terms in force at the call.
type Group = (String, String, Digest);

pub(crate) async fn admit(context: &Context, recipe: &Recipe, prompts: &Prompts) -> Result<Admitted, PipelineError> {
    let mut admitted = Admitted {
        exchanges: Vec::new(),
        sets: Vec::new(),
        refused: 0,
    };
    let mut last_refusal = None;
    for ((provider, provider_model, terms_digest), exchanges) in considered(context, recipe, prompts)? {
        let terms = context.gateway.terms_in_force(terms_digest)?;
        let training = training(recipe);
        let verdict = context
            .gateway
            .permit_training(&context.organization, (&terms, terms_digest), &provider_model, training)
            .await?;
        if !verdict.permits() {
            admitted.refused += conversations(&exchanges);
            let what = format!("{} exchange(s) of `{provider}`", exchanges.len());
            context.progress.refused(&what, &verdict);
            last_refusal = Some(verdict);
            continue;
        }
        context
            .progress
            .fact(&permitted(&provider, exchanges.len(), &terms.name, &verdict));
        let ids: Vec<ExchangeId> = exchanges.iter().map(|exchange| exchange.intent.id).collect();
        admitted.sets.push(ExchangeSet {
            provider,
            provider_model,
            terms: terms.key,
            terms_digest,
            exchanges: count(exchanges.len()),
            digest: digest_of(&ids)?,
            verdict: verdict.id,
        });
        admitted.exchanges.extend(exchanges);
    }
    match last_refusal {
        Some(verdict) if admitted.sets.is_empty() => Err(PipelineError::NothingPermitted {
            verdict: Box::new(verdict),
        }),
        _ => Ok(admitted),
    }
}

/// Asks before anything is sent: what may not train, or may not be compared with, need not be paid for.
pub(crate) async fn may_learn(context: &Context, recipe: &Recipe) -> Result<(), PipelineError> {
    let terms = context.gateway.terms(&recipe.teacher.terms)?;
    let digest = digest_of(&terms)?;
    let (terms, organization) = (&terms, &context.organization);
    duties::of_model(&recipe.name, [terms])?;
    let training = context
        .gateway
        .permit_training(organization, (terms, digest), &recipe.teacher.model, training(recipe))
        .await?;
    if !training.permits() {
        return Err(PipelineError::NothingPermitted {
            verdict: Box::new(training),
        });
    }
    let evaluation = context
        .gateway
        .permit_evaluation(organization, (terms, digest), &recipe.teacher.model)
        .await?;
    if evaluation.permits() {
        Ok(())
    } else {
        Err(GatewayError::Forbidden {
            verdict: std::sync::Arc::new(evaluation),
        }
        .into())
    }
}

const fn training(recipe: &Recipe) -> Training {
    Training {
        competition: if recipe.train.competes {
            Competition::Competes
        } else {
            Competition::FoundNotToCompete
        },
        commerce: if recipe.train.commercial {
            Commerce::Commercial
        } else {
            Commerce::Noncommercial
        },
        untraced: 0,
    }
}

fn permitted(provider: &str, exchanges: usize, terms: &str, verdict: &Verdict) -> String {
    let policies: Vec<&str> = verdict.reasons.iter().map(|reason| reason.policy.as_str()).collect();
    let grants: Vec<String> = verdict.grants.iter().map(ToString::to_string).collect();
    let grants = if grants.is_empty() {
        String::new()
    } else {
        format!("; by grant {}", grants.join(", "))
    };
    format!(
        "{exchanges} exchanges of `{provider}` may train, under {terms} (policy {}{grants})",
        policies.join(", ")
    )
}

/// The answered exchanges to decide about: the teacher's of these prompts, and all of the providers also considered.
fn considered(
    context: &Context,
    recipe: &Recipe,
    prompts: &Prompts,
) -> Result<BTreeMap<Group, Vec<Exchange>>, PipelineError> {
    let asked: BTreeSet<ConversationId> = prompts.conversations(recipe).collect();
    let is_considered = |exchange: &Exchange| {
        let intent = &exchange.intent;
        let of_teacher = intent.provider == recipe.teacher.provider
            && intent.purpose == Purpose::Collect
            && intent
                .conversation
                .is_some_and(|conversation| asked.contains(&conversation));
        let answered = matches!(exchange.outcome, Some(ExchangeOutcome::Answered { .. }));
        answered && (of_teacher || recipe.collect.also_consider.contains(&intent.provider))
    };
    let mut groups: BTreeMap<Group, Vec<Exchange>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = context
            .gateway
            .store()
            .read(|tx| tables::exchange::page(tx, after, PAGE))?;
        let Some(last) = page.last() else { return Ok(groups) };
        after = Some(last.intent.id);
        for exchange in page.into_iter().filter(is_considered) {
            let intent = &exchange.intent;
            let group = (
                intent.provider.clone(),
                intent.provider_model.clone(),
                intent.terms_digest,
            );
            groups.entry(group).or_default().push(exchange);
        }
    }
}

/// How many conversations the exchanges belong to; one that names none stands alone.
fn conversations(exchanges: &[Exchange]) -> u64 {
    let named: BTreeSet<ConversationId> = exchanges.iter().filter_map(|e| e.intent.conversation).collect();
    let alone = exchanges.iter().filter(|e| e.intent.conversation.is_none()).count();
    count(named.len() + alone)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
