//! Publish: the student becomes a provider behind the same door, with its signed pedigree.

use std::sync::Arc;

use cultivar_gateway::{Gateway, NewProvider};
use cultivar_policy::OWN_MODELS;
use cultivar_record::{EntryKind, ModelVersionId, Pedigree, ProviderKind, SignedPedigree, canonical_json, digest_of};
use cultivar_store::{DataDir, Statements, tables};

use crate::{
    Context, PipelineError, Recipe,
    dataset_files::SealedDataset,
    duties,
    model_files::{card, open_student, write_model},
    papers, pedigree, proofs,
    student::Joined,
    train::Trained,
};

/// A published model version.
pub(crate) struct Published {
    pub(crate) pedigree: Pedigree,
}

pub(crate) async fn publish(
    context: &Context,
    recipe: &Recipe,
    dataset: &SealedDataset,
    trained: &Trained,
) -> Result<Published, PipelineError> {
    let versions = context
        .gateway
        .store()
        .read(|tx| tables::model_version::versions(tx, &recipe.name))?;
    let known = versions
        .iter()
        .find(|version| version.pedigree.trained == Some(trained.weights) && version.state == "published");
    let pedigree = match known {
        Some(version) => version.pedigree.clone(),
        None => {
            seal(
                context,
                recipe,
                dataset,
                trained,
                versions.last().map_or(1, |last| last.pedigree.version + 1),
            )
            .await?
        }
    };
    join(&context.gateway, &context.dir, &pedigree)?;
    context
        .gateway
        .register_provider(context.organization.id, provider(&pedigree)?)
        .await?;
    context.progress.fact(&format!(
        "`{}@{}` answers behind the door; its signed pedigree: {}",
        pedigree.model,
        pedigree.version,
        context
            .dir
            .model(&pedigree.model, pedigree.version)
            .join("pedigree.json")
            .display()
    ));
    Ok(Published { pedigree })
}

/// Writes the model's files and its signed pedigree, then the row and the ledger's entry.
async fn seal(
    context: &Context,
    recipe: &Recipe,
    dataset: &SealedDataset,
    trained: &Trained,
    version: u32,
) -> Result<Pedigree, PipelineError> {
    let pedigree = pedigree::of(context, recipe, dataset, trained, version)?;
    let (pedigree, weights) = papers::bound(pedigree, &trained.weights_bytes)?;
    let duties = duties::of_dataset(context, &recipe.name, dataset)?;
    let signed = SignedPedigree {
        proofs: proofs::of(context, &pedigree)?,
        ..context.gateway.sign_pedigree(pedigree.clone())?
    };
    let (owed, attribution) = (canonical_json(&duties)?, recipe.teacher.attribution.as_deref());
    let mut parts = vec![
        (papers::WEIGHTS, weights),
        (papers::TOKENIZER, trained.tokenizer_json.clone()),
        (papers::CONFIG, trained.config_json.clone()),
        (
            papers::CARD,
            card(&pedigree, dataset, (&duties, attribution)).into_bytes(),
        ),
        (papers::DUTIES, owed.into_bytes()),
        (papers::PEDIGREE, canonical_json(&signed)?.into_bytes()),
    ];
    let about = papers::about(context, &pedigree, &duties)?;
    parts.extend(about.map(|(name, text)| (name, text.into_bytes())));
    write_model(&context.dir, &pedigree, parts, &context.model_signer)?;
    let row = pedigree.clone();
    let digests = [("weights", pedigree.weights), ("pedigree", digest_of(&pedigree)?)];
    let id = ModelVersionId::new(context.ambient());
    let subject = format!("{}@{version}", recipe.name);
    let insert = move |tx: &mut dyn Statements, leaf| tables::model_version::insert(tx, id, &row, leaf);
    context
        .record(EntryKind::ModelPublished, subject, &pedigree, &digests, insert)
        .await?;
    Ok(pedigree)
}

fn provider(pedigree: &Pedigree) -> Result<NewProvider, PipelineError> {
    let (model, version) = (&pedigree.model, format!("{}@{}", pedigree.model, pedigree.version));
    Ok(NewProvider::plain(
        model,
        ProviderKind::Local,
        model,
        &version,
        OWN_MODELS.parse()?,
    ))
}

fn join(gateway: &Gateway, dir: &DataDir, pedigree: &Pedigree) -> Result<(), PipelineError> {
    let student = open_student(dir, &pedigree.model, pedigree.version)?;
    gateway.join_local(
        &format!("{}@{}", pedigree.model, pedigree.version),
        Joined::behind_the_door(Arc::new(student)),
    );
    Ok(())
}

/// Joins every published model that a registered provider serves. Returns what could not be opened.
pub fn join_published(gateway: &Gateway, dir: &DataDir) -> Result<Vec<PipelineError>, PipelineError> {
    let published = gateway.store().read(tables::model_version::list)?;
    let served: Vec<String> = gateway
        .providers()
        .into_iter()
        .map(|provider| provider.provider_model)
        .collect();
    let is_served = |p: &Pedigree| served.contains(&format!("{}@{}", p.model, p.version));
    let versions = published
        .iter()
        .map(|version| &version.pedigree)
        .filter(|pedigree| is_served(pedigree));
    Ok(versions
        .filter_map(|pedigree| join(gateway, dir, pedigree).err())
        .collect())
}

/// Withdraws a model version: its files and its pedigree stay. Returns the version that answers instead, where there is one.
pub async fn retire(context: &Context, model: &str, version: u32) -> Result<Option<u32>, PipelineError> {
    let name = format!("{model}@{version}");
    let row = model.to_owned();
    let update = move |tx: &mut dyn Statements, _| tables::model_version::retire(tx, &row, version);
    context
        .record(EntryKind::ModelRetired, &name, &(model, version), &[], update)
        .await?;
    if !context
        .gateway
        .providers()
        .iter()
        .any(|provider| provider.provider_model == name)
    {
        return Ok(None);
    }
    let versions = context
        .gateway
        .store()
        .read(|tx| tables::model_version::versions(tx, model))?;
    let before = versions.into_iter().rev().find(|version| version.state == "published");
    let Some(before) = before.map(|version| version.pedigree) else {
        context.gateway.remove_provider(context.organization.id, model).await?;
        return Ok(None);
    };
    join(&context.gateway, &context.dir, &before)?;
    context
        .gateway
        .register_provider(context.organization.id, provider(&before)?)
        .await?;
    Ok(Some(before.version))
}
