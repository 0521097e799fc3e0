//! Duties: what the terms of the training data ask of the model, told before anything is trained, and kept with the weights.

use cultivar_policy::duties;
use cultivar_record::{Digest, Duties, Terms};

use crate::{Context, PipelineError, dataset_files::SealedDataset};

/// The duties that follow from rows of terms, for a model of this name.
///
/// # Errors
/// `pipeline::name_prefix` where the terms demand another beginning of the name.
pub(crate) fn of_model<'a>(name: &str, rows: impl IntoIterator<Item = &'a Terms>) -> Result<Duties, PipelineError> {
    let duties = duties(rows);
    match duties.missing_prefix(name) {
        None => Ok(duties),
        Some((duty, prefix)) => Err(PipelineError::NamePrefix {
            model: name.to_owned(),
            prefix: prefix.to_owned(),
            terms: duty.terms.to_string(),
            clause: duty.clause.clone(),
        }),
    }
}

/// The duties of what was admitted, told line by line; those that clash are warned of.
pub(crate) fn tell(
    context: &Context,
    name: &str,
    terms: impl IntoIterator<Item = Digest>,
) -> Result<Duties, PipelineError> {
    let rows = terms.into_iter().map(|digest| context.gateway.terms_in_force(digest));
    let rows: Vec<Terms> = rows.collect::<Result<_, _>>()?;
    let duties = of_model(name, &rows)?;
    for duty in &duties.duties {
        context
            .progress
            .fact(&format!("owed under `{}`: {}", duty.terms, duty.owed));
    }
    for clash in &duties.clashes {
        context.progress.warning(&PipelineError::DutiesClash {
            terms: clash.terms.to_string(),
            against: clash.against.to_string(),
            reason: clash.reason.clone(),
        });
    }
    Ok(duties)
}

/// The duties of a model that was trained on a dataset.
pub(crate) fn of_dataset(context: &Context, name: &str, dataset: &SealedDataset) -> Result<Duties, PipelineError> {
    let sources = &dataset.stored.dataset.sources;
    let rows = sources
        .iter()
        .map(|set| context.gateway.terms_in_force(set.terms_digest));
    let rows: Vec<Terms> = rows.collect::<Result<_, _>>()?;
    of_model(name, &rows)
}
