//! Compare: the plan is in the ledger before the first answer; every subject gets the same questions; intervals are paired.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cultivar_gateway::{Answer, LocalModel, LocalScore, NewProvider, Question};
use cultivar_model::{DEFAULT_ORDER, LanguageModel, NgramBaseline, Student};
use cultivar_policy::OWN_MODELS;
use cultivar_record::{
    Comparison, ComparisonId, ComparisonPlan, Digest, EntryKind, Estimate, Example, ProviderKind, Seed, Split,
    SubjectScore,
    chat::{ChatRequest, Message, Role},
    digest_of,
};
use cultivar_stats::{ChrfCounts, Interval, Ratio, Resampling, Tally, bootstrap, paired_bootstrap};
use cultivar_store::tables::{self, comparison::StoredComparison};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    Context, PipelineError, Rate, Recipe, dataset_files::SealedDataset, model_files, publish::Published,
    student::Joined,
};

pub(crate) const BITS_PER_BYTE: &str = "bits_per_byte";
pub(crate) const ANSWER_BITS_PER_BYTE: &str = "answer_bits_per_byte";
pub(crate) const CHRF: &str = "chrf";
/// Longest answer, in tokens: the recorded ones are far shorter.
const MOST_ANSWER_TOKENS: u64 = 96;
/// Conversations under way at once: as many as the door needs to keep two cores busy.
const CONCURRENCY: usize = 4;

pub(crate) async fn compare(
    context: &Context,
    recipe: &Recipe,
    dataset: &SealedDataset,
    published: &Published,
) -> Result<Comparison, PipelineError> {
    let known = context
        .gateway
        .store()
        .read(|tx| tables::comparison::newest(tx, dataset.stored.digest, published.pedigree.weights))?;
    if let Some(StoredComparison {
        results: Some(comparison),
        ..
    }) = known
    {
        context.progress.fact("compared before");
        return Ok(comparison);
    }
    reference_is_permitted(context, dataset).await?;
    let asked = questions(recipe, dataset);
    let plan = match known {
        Some(stored) => stored.plan,
        None => plan(context, recipe, dataset, published, asked.len()).await?,
    };
    let others = join_others(context, recipe, dataset, published, &plan).await?;
    let observed = observe(context, &plan, &asked).await?;
    for name in others {
        context.gateway.remove_provider(context.organization.id, &name).await?;
    }
    let comparison = Comparison {
        plan_digest: digest_of(&plan)?,
        scores: scores(&plan, &observed)?,
        plan,
        reported_at: context.ambient().now(),
    };
    let (row, plan_digest) = (comparison.clone(), comparison.plan_digest);
    let results_digest = digest_of(&comparison)?;
    let digests = [("plan", plan_digest), ("results", results_digest)];
    context
        .record(
            EntryKind::ComparisonReported,
            comparison.plan.id,
            &comparison,
            &digests,
            move |tx, _| tables::comparison::insert_results(tx, &row),
        )
        .await?;
    Ok(comparison)
}

/// Scoring against somebody's answers is a use of those answers like any other.
async fn reference_is_permitted(context: &Context, dataset: &SealedDataset) -> Result<(), PipelineError> {
    let sources = &dataset.stored.dataset.sources;
    let answered = sources
        .iter()
        .map(|set| (set.terms_digest, set.provider_model.as_str()));
    let answered: BTreeSet<(Digest, &str)> = answered.collect();
    for (digest, model) in answered {
        let terms = context.gateway.terms_in_force(digest)?;
        let verdict = context
            .gateway
            .permit_evaluation(&context.organization, (&terms, digest), model)
            .await?;
        if !verdict.permits() {
            return Err(cultivar_gateway::GatewayError::Forbidden {
                verdict: std::sync::Arc::new(verdict),
            }
            .into());
        }
    }
    Ok(())
}

fn questions(recipe: &Recipe, dataset: &SealedDataset) -> Vec<Example> {
    let has_answer = |example: &&Example| {
        let mut answers = example.messages.iter().filter(|m| m.role == Role::Assistant);
        answers.any(|m| !m.plain_text().is_empty())
    };
    dataset
        .examples(Split::Test)
        .iter()
        .filter(has_answer)
        .take(recipe.compare.conversations)
        .cloned()
        .collect()
}

async fn plan(
    context: &Context,
    recipe: &Recipe,
    dataset: &SealedDataset,
    published: &Published,
    conversations: usize,
) -> Result<ComparisonPlan, PipelineError> {
    let name = &recipe.name;
    let plan = ComparisonPlan {
        id: ComparisonId::new(context.ambient()),
        organization: context.organization.id,
        subjects: vec![name.clone(), format!("{name}-untrained"), format!("{name}-ngram")],
        weights: published.pedigree.weights,
        dataset: dataset.stored.digest,
        conversations: u64::try_from(conversations).unwrap_or(u64::MAX),
        measures: [BITS_PER_BYTE, ANSWER_BITS_PER_BYTE, CHRF].map(str::to_owned).to_vec(),
        confidence: recipe.compare.confidence,
        resamples: recipe.compare.resamples,
        seed: context.ambient().seed(),
        planned_at: context.ambient().now(),
    };
    let row = plan.clone();
    let digests = [
        ("plan", digest_of(&plan)?),
        ("dataset", plan.dataset),
        ("weights", plan.weights),
    ];
    let leaf = context
        .record(
            EntryKind::ComparisonPlanned,
            plan.id,
            &plan,
            &digests,
            move |tx, leaf| tables::comparison::insert_plan(tx, &row, leaf),
        )
        .await?;
    context.progress.fact(&format!(
        "the plan is entry {leaf} of the ledger; nothing was asked before"
    ));
    Ok(plan)
}

/// The subjects besides the student, for the time of the comparison; returns their names.
async fn join_others(
    context: &Context,
    recipe: &Recipe,
    dataset: &SealedDataset,
    published: &Published,
    plan: &ComparisonPlan,
) -> Result<Vec<String>, PipelineError> {
    let (tokenizer, config) = model_files::shape(&context.dir, &published.pedigree)?;
    // The same student before its first step: the difference is what training added.
    let untrained: Arc<dyn LanguageModel> = Arc::new(Student::untrained(
        config,
        tokenizer.clone(),
        Seed::new(recipe.train.seed),
    )?);
    let train: Vec<Vec<Message>> = dataset
        .examples(Split::Train)
        .iter()
        .map(|e| e.messages.clone())
        .collect();
    let ngram: Arc<dyn LanguageModel> = Arc::new(NgramBaseline::train(&train, tokenizer, DEFAULT_ORDER)?);
    let others = plan.subjects.iter().skip(1).cloned().zip([untrained, ngram]);
    let mut names = Vec::new();
    for (name, model) in others {
        join(context, &name, Joined::behind_the_door(model)).await?;
        names.push(name);
    }
    Ok(names)
}

async fn join(context: &Context, name: &str, model: Arc<dyn LocalModel>) -> Result<(), PipelineError> {
    context.gateway.join_local(name, model);
    let provider = NewProvider::plain(name, ProviderKind::Local, name, name, OWN_MODELS.parse()?);
    context
        .gateway
        .register_provider(context.organization.id, provider)
        .await?;
    Ok(())
}

/// What one subject did on one conversation.
#[derive(Clone)]
struct Observed {
    all: Ratio,
    answers: Ratio,
    chrf: ChrfCounts,
}

/// Per subject, in the plan's order: per conversation, in the questions' order.
async fn observe(
    context: &Context,
    plan: &ComparisonPlan,
    asked: &[Example],
) -> Result<Vec<Vec<Observed>>, PipelineError> {
    let total = u64::try_from(asked.len() * plan.subjects.len()).unwrap_or(u64::MAX);
    let rate = Rate::start(context.ambient(), total);
    let mut observed = Vec::new();
    let mut done = 0;
    for subject in &plan.subjects {
        let mut of_subject = Vec::new();
        let mut answers = stream::iter(asked)
            .map(|example| examine(context, subject, example))
            .buffered(CONCURRENCY);
        while let Some(one) = answers.try_next().await? {
            of_subject.push(one);
            done += 1;
            context
                .progress
                .update(&rate.update(context.ambient(), "conversations", done, subject));
        }
        observed.push(of_subject);
    }
    Ok(observed)
}

async fn examine(context: &Context, subject: &str, example: &Example) -> Result<Observed, PipelineError> {
    context.interrupt.check("compare")?;
    let caller = &context.callers.evaluate;
    let about = |question: Question| Question {
        conversation: Some(example.conversation),
        ..question
    };
    let to_score = about(Question::to_score(subject, example.messages.clone()));
    let (_, scores) = context.gateway.score(caller, subject, to_score).await?;
    let mut chrf = None;
    for (at, reference) in example
        .messages
        .iter()
        .enumerate()
        .filter(|(_, m)| m.role == Role::Assistant)
    {
        let before = example.messages.get(..at).unwrap_or_default().to_vec();
        let mut request = ChatRequest {
            temperature: Some(0.0),
            max_tokens: Some(MOST_ANSWER_TOKENS),
            ..ChatRequest::plain(subject, before)
        };
        // A dialogue longer than a model sees loses its oldest turns, for every model alike.
        request.rest.insert("truncation".to_owned(), "auto".into());
        let (_, answer) = context
            .gateway
            .complete(caller, about(Question::alone(request)))
            .await?;
        let Answer::Whole(completion) = answer else { continue };
        let counts = ChrfCounts::of(&completion.first_text(), &reference.plain_text());
        match &mut chrf {
            None => chrf = Some(counts),
            Some(sum) => sum.add(&counts),
        }
    }
    let answers = scores.iter().filter(|score| score.role == Role::Assistant);
    Ok(Observed {
        all: bits_per_byte(scores.iter())?,
        answers: bits_per_byte(answers)?,
        chrf: chrf.unwrap_or_else(|| ChrfCounts::of("", "")),
    })
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a conversation are far below 2^52")]
fn bits_per_byte<'a>(scores: impl Iterator<Item = &'a LocalScore>) -> Result<Ratio, PipelineError> {
    let (bits, bytes) = scores.fold((0.0, 0), |(bits, bytes), score| {
        (bits + score.bits, bytes + score.bytes)
    });
    Ok(Ratio::new(bits, bytes as f64)?)
}

fn scores(plan: &ComparisonPlan, observed: &[Vec<Observed>]) -> Result<Vec<SubjectScore>, PipelineError> {
    let first = observed.first().map_or(&[][..], Vec::as_slice);
    let of_subject = |(at, (subject, units)): (usize, (&String, &Vec<Observed>))| {
        let mut score = SubjectScore {
            subject: subject.clone(),
            estimates: BTreeMap::new(),
            difference_to_first: BTreeMap::new(),
        };
        estimate(
            &mut score,
            plan,
            BITS_PER_BYTE,
            (at > 0).then_some(first),
            units,
            |unit| unit.all,
        )?;
        estimate(
            &mut score,
            plan,
            ANSWER_BITS_PER_BYTE,
            (at > 0).then_some(first),
            units,
            |unit| unit.answers,
        )?;
        estimate(&mut score, plan, CHRF, (at > 0).then_some(first), units, |unit| {
            unit.chrf
        })?;
        Ok(score)
    };
    plan.subjects.iter().zip(observed).enumerate().map(of_subject).collect()
}

fn estimate<T: Tally>(
    score: &mut SubjectScore,
    plan: &ComparisonPlan,
    measure: &str,
    first: Option<&[Observed]>,
    units: &[Observed],
    tally: impl Fn(&Observed) -> T,
) -> Result<(), PipelineError> {
    let settings = Resampling {
        resamples: plan.resamples,
        confidence: plan.confidence,
        seed: plan.seed.get(),
    };
    let own: Vec<T> = units.iter().map(&tally).collect();
    score
        .estimates
        .insert(measure.to_owned(), recorded(bootstrap(&own, settings)?));
    if let Some(first) = first {
        let first: Vec<T> = first.iter().map(&tally).collect();
        let difference = recorded(paired_bootstrap(&first, &own, settings)?);
        score.difference_to_first.insert(measure.to_owned(), difference);
    }
    Ok(())
}

fn recorded(interval: Interval) -> Estimate {
    Estimate {
        value: interval.value,
        low: interval.low,
        high: interval.high,
        confidence: interval.confidence,
        n: interval.units,
        method: interval.method,
    }
}
