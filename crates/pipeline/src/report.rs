//! Report: one HTML page and one JSON file.

use cultivar_record::{Comparison, Dataset, Digest, Pedigree, SubjectScore, canonical_json};
use serde::Serialize;
use std::{fmt::Write as _, path::PathBuf};

use crate::{
    Context, PipelineError,
    compare::{ANSWER_BITS_PER_BYTE, BITS_PER_BYTE, CHRF},
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
    for line in lines(comparison) {
        context.progress.fact(&line);
    }
    Ok(report)
}

/// Measures in the order of the table, with the width of their columns.
const COLUMNS: [(&str, &str); 3] = [
    (BITS_PER_BYTE, "bits/byte"),
    (ANSWER_BITS_PER_BYTE, "answers' bits/byte"),
    (CHRF, "chrF"),
];

/// A table that fits a terminal, and what it comes to.
fn lines(comparison: &Comparison) -> Vec<String> {
    let mut head = format!(
        "{:<19}",
        format!("{:.0} % intervals", comparison.plan.confidence * 100.0)
    );
    for (_, title) in COLUMNS {
        let _ = write!(head, " {title:<22}");
    }
    let mut lines = vec![head.trim_end().to_owned()];
    lines.extend(comparison.scores.iter().map(line));
    lines.extend(
        comparison
            .scores
            .iter()
            .skip(1)
            .filter_map(|score| verdict(comparison, score)),
    );
    lines
}

fn line(score: &SubjectScore) -> String {
    let mut line = format!("{:<19}", score.subject);
    for (measure, _) in COLUMNS {
        let cell = score
            .estimates
            .get(measure)
            .map(|e| format!("{:.3} [{:.3}, {:.3}]", e.value, e.low, e.high));
        let _ = write!(line, " {:<22}", cell.unwrap_or_default());
    }
    line.trim_end().to_owned()
}

/// In words: how the first subject stands to another one, where the paired interval leaves no doubt and where it does.
pub(crate) fn verdict(comparison: &Comparison, score: &SubjectScore) -> Option<String> {
    let first = comparison.plan.subjects.first()?;
    let difference = score.difference_to_first.get(BITS_PER_BYTE)?;
    let (value, low, high) = (difference.value, difference.low, difference.high);
    Some(if high < 0.0 {
        format!(
            "`{first}` needs {:.3} bits per byte less than `{}` (paired: {:.3} to {:.3} less)",
            -value, score.subject, -high, -low
        )
    } else if low > 0.0 {
        format!(
            "`{first}` needs {value:.3} bits per byte MORE than `{}` (paired: {low:.3} to {high:.3} more)",
            score.subject
        )
    } else {
        format!(
            "`{first}` and `{}` cannot be told apart on bits per byte ({low:.3} to {high:.3})",
            score.subject
        )
    })
}
