//! `evidence page`: what the public is told about training data, filled in from the records.

use cultivar_cli::EvidencePageArgs;
use cultivar_papers::{Origins, training_data_page, training_summary};
use cultivar_privacy::PrivacyReport;
use cultivar_record::{Digest, Terms};
use cultivar_store::{Blobs, files, tables};
use serde_json::json;

use crate::{
    commands::model,
    config::Config,
    failure::{CliError, Failure},
    opened::look,
    terminal::Terminal,
};

pub(super) fn run(args: &EvidencePageArgs, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let (dir, store) = look(config)?;
    let pedigree = model::find(&store, &args.model)?.pedigree;
    let seals: Vec<Digest> = pedigree.datasets.iter().map(|dataset| dataset.digest).collect();
    let stored = store.read(tables::dataset::list)?;
    let stored = stored.into_iter().filter(|stored| seals.contains(&stored.digest));
    let datasets: Vec<_> = stored.map(|stored| stored.dataset).collect();
    let blobs = Blobs::new(&dir);
    let terms = pedigree.terms.iter().map(|row| Ok(blobs.get(&row.digest)?));
    let terms: Vec<Terms> = terms.collect::<Result<_, Failure>>()?;
    let mut replaced = 0;
    for dataset in &datasets {
        let path = dir.dataset(&dataset.name, dataset.version).join("privacy.json");
        let report: Option<PrivacyReport> = serde_json::from_slice(&files::read(&path)?).ok();
        let counts = report.into_iter().flat_map(|report| report.counts);
        replaced += counts.map(|count| count.replaced).sum::<u64>();
    }
    let origins = Origins {
        pedigree: &pedigree,
        datasets: &datasets,
        terms: &terms,
        replaced,
    };
    let page = match args.market.as_str() {
        "EU" => training_summary(&origins),
        "US-CA" => training_data_page(&origins),
        other => {
            let reason = format!("no page is known for {other}: `EU` has a summary, `US-CA` has a documentation");
            return Err(CliError::Argument { reason }.into());
        }
    };
    if let Some(file) = &args.out {
        files::write_atomic(&dir.tmp(), file, page.as_bytes())?;
        let digest = Digest::of_bytes(page.as_bytes());
        terminal.result(
            &format!("written: {} ({digest})", file.display()),
            &json!({ "file": file, "digest": digest }),
        );
    } else {
        terminal.result(&page, &json!({ "page": page }));
    }
    Ok(())
}
