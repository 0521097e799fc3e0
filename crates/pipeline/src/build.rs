//! The page of the offline job. Each stage finds what an earlier, interrupted build had finished and goes on from there.

use cultivar_gateway::NewProvider;
use cultivar_record::Comparison;

use crate::{
    Context, PipelineError, Prompts, Recipe, admit, collect, compare, curate, duties, publish, report, report::Report,
    train,
};

/// What a build made.
pub struct Built {
    /// The model, as `name@version`.
    pub model: String,
    /// The comparison.
    pub comparison: Comparison,
    /// The report.
    pub report: Report,
}

/// Builds a model from a recipe: collect, admit, curate, train, publish, compare, report.
///
/// # Errors
/// Whatever [`PipelineError`] names. Everything done before is kept.
pub async fn build(context: &Context, recipe: &Recipe, prompts: &Prompts) -> Result<Built, PipelineError> {
    let progress = context.progress.as_ref();
    register_teacher(context, recipe).await?;
    admit::may_learn(context, recipe).await?;

    progress.stage("collect: the teacher answers through the door");
    collect::collect(context, recipe, prompts).await?;

    progress.stage("admit: what may train, decided before it is read");
    let admitted = admit::admit(context, recipe, prompts).await?;
    duties::tell(context, &recipe.name, admitted.sets.iter().map(|set| set.terms_digest))?;

    progress.stage("curate: desensitise, drop near-duplicates, split, seal");
    let dataset = curate::curate(context, recipe, admitted).await?;

    progress.stage("train: a student from scratch");
    let trained = train::train(context, recipe, &dataset).await?;

    progress.stage("publish: the student behind the same door");
    let published = publish::publish(context, recipe, &dataset, &trained).await?;

    progress.stage("compare: plan first, then answers");
    let comparison = compare::compare(context, recipe, &dataset, &published).await?;

    let report = report::report(context, &dataset, &published, &comparison)?;
    let model = format!("{}@{}", published.pedigree.model, published.pedigree.version);
    Ok(Built {
        model,
        comparison,
        report,
    })
}

async fn register_teacher(context: &Context, recipe: &Recipe) -> Result<(), PipelineError> {
    let teacher = &recipe.teacher;
    context
        .gateway
        .accept_terms(&context.organization, &teacher.terms, &teacher.terms_accepted_by)
        .await?;
    let name = &teacher.provider;
    let provider = NewProvider {
        base_url: teacher.base_url.clone(),
        key_variable: teacher.key_variable.clone(),
        price: teacher.price,
        ..NewProvider::plain(name, teacher.kind, name, &teacher.model, teacher.terms.clone())
    };
    context
        .gateway
        .register_provider(context.organization.id, provider)
        .await?;
    Ok(())
}
