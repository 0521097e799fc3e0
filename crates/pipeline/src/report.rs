//! Report: one HTML page and one JSON file.

use cultivar_record::{Comparison, Dataset, Digest, Pedigree, SubjectScore, canonical_json};
use serde::Serialize;
use std::{fmt::Write as _, path::PathBuf};

use crate::{
    Context, PipelineError,
    dataset_files::SealedDataset,
    publish::Published,
    report_page,
    run_files::{Metric, RunFiles},
};

/// Where the report lies.
#[derive(Clone, Debug)]
pub struct Report {
    /// The page.
    pub html: PathBuf,
    /// The same as data.
    pub json: PathBuf,
}

/// What a report is made of.
#[derive(Serialize)]
pub(crate) struct ReportData<'a> {
    pub(crate) comparison: &'a Comparison,
    pub(crate) pedigree: &'a Pedigree,
    pub(crate) dataset: &'a Dataset,
    pub(crate) dataset_digest: Digest,
    pub(crate) metrics: &'a [Metric],
}

pub(crate) fn report(
    context: &Context,
    dataset: &SealedDataset,
    published: &Published,
    comparison: &Comparison,
) -> Result<Report, PipelineError> {
    let metrics = RunFiles::new(&context.dir, published.pedigree.run).metrics()?;
    let data = ReportData {
        comparison,
        pedigree: &published.pedigree,
        dataset: &dataset.stored.dataset,
        dataset_digest: dataset.stored.digest,
        metrics: &metrics,
    };
    let folder = context.dir.report(&comparison.plan.id.to_string());
    let report = Report {
        html: folder.join("report.html"),
        json: folder.join("report.json"),
    };
    context.dir.write(&report.json, canonical_json(&data)?.as_bytes())?;
    context
        .dir
        .write(&report.html, report_page::page(&data).into_string().as_bytes())?;
    for score in &comparison.scores {
        context.progress.fact(&line(score));
    }
    Ok(report)
}

fn line(score: &SubjectScore) -> String {
    let mut line = format!("{:<20}", score.subject);
    for (measure, estimate) in &score.estimates {
        let _ = write!(
            line,
            "  {measure} {:.3} [{:.3}, {:.3}]",
            estimate.value, estimate.low, estimate.high
        );
    }
    line
}
