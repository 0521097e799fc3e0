//! What the public is told about training data, filled in from the records as Markdown: the summary of training content of the European
//! Union (template of 24 July 2025 for Regulation (EU) 2024/1689, article 53(1)(d)) and the documentation that California asks for
//! (Civil Code, section 3111). What the records do not know is said to be not known: a person fills it in.

use std::{collections::BTreeMap, fmt::Write as _};

use cultivar_record::{Dataset, ExchangeSet, Pedigree, Split, Terms};

const NOT_KNOWN: &str = "*not known to the records: to be filled in*";
/// The kind of a row of terms that is a licence of data; all others bind what models answer.
const DATA: &str = "data-licence";

/// What the records know of where a model comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origins<'a> {
    /// Its pedigree.
    pub pedigree: &'a Pedigree,
    /// The manifests of its datasets.
    pub datasets: &'a [Dataset],
    /// The terms that bind them, as they stood.
    pub terms: &'a [Terms],
    /// How many values were replaced in them to remove personal data.
    pub replaced: u64,
}

impl Origins<'_> {
    fn row(&self, set: &ExchangeSet) -> Option<&Terms> {
        self.terms.iter().find(|row| row.key == set.terms)
    }

    /// The sets that are data of others, or the ones that models answered.
    fn sets(&self, is_data: bool) -> Vec<&ExchangeSet> {
        let all = self.datasets.iter().flat_map(|dataset| &dataset.sources);
        all.filter(|set| (self.row(set).is_some_and(|row| row.kind == DATA)) == is_data)
            .collect()
    }

    /// Each source once, with its licence and size.
    fn lines(&self, is_data: bool) -> String {
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for set in self.sets(is_data) {
            let row = self.row(set);
            let name = row.map_or("terms that are not known", |row| &row.name);
            let party = row.map_or("", |row| &row.party);
            let source = row.map_or("", |row| &row.source);
            let what = if is_data {
                format!(
                    "`{}` from `{}`, under {name} ({}; {source})",
                    set.provider_model, set.provider, set.terms
                )
            } else {
                format!(
                    "the model `{}` of {party}, asked through `{}` under {name} ({}; {source})",
                    set.provider_model, set.provider, set.terms
                )
            };
            *lines.entry(what).or_default() += set.exchanges;
        }
        if lines.is_empty() {
            return "none".to_owned();
        }
        let lines = lines
            .iter()
            .map(|(what, exchanges)| format!("- {what}: {exchanges} exchanges"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn conversations(&self) -> u64 {
        self.parts().map(|(conversations, _)| conversations).sum()
    }

    fn bytes(&self) -> u64 {
        self.parts().map(|(_, bytes)| bytes).sum()
    }

    fn parts(&self) -> impl Iterator<Item = (u64, u64)> {
        let trained = |dataset: &Dataset| {
            let part = dataset.splits.get(&Split::Train)?;
            Some((part.examples, part.text.get()))
        };
        self.datasets.iter().filter_map(trained)
    }

    fn sealed(&self) -> String {
        let sealed = self.datasets.iter().map(|dataset| dataset.sealed_at);
        let (first, last) = (sealed.clone().min(), sealed.max());
        first.zip(last).map_or(NOT_KNOWN.to_owned(), |(first, last)| {
            format!("sealed between {first} and {last}")
        })
    }

    fn processing(&self) -> String {
        let mut text = format!(
            "Personal data was looked for in every text by detectors and replaced by surrogates ({} values); texts are scanned again after it.",
            self.replaced
        );
        for dropped in self.datasets.iter().flat_map(|dataset| &dataset.dropped) {
            let _ = write!(
                text,
                " Left out as `{}`: {} conversations.",
                dropped.reason, dropped.conversations
            );
        }
        text
    }

    fn named(&self) -> String {
        let Pedigree {
            model,
            version,
            weights,
            at,
            ..
        } = self.pedigree;
        format!("`{model}@{version}`, weights `{weights}`, made on {at}")
    }

    fn base(&self) -> String {
        match &self.pedigree.base_weights {
            None => "trained from scratch".to_owned(),
            Some(digest) => format!("changed from the weights `{digest}`, whose own provider reports the rest"),
        }
    }
}

/// The public summary of training content for the European Union.
pub fn training_summary(of: &Origins<'_>) -> String {
    format!(
        "# Public summary of training content\n\n\
         ## 1 General information\n\n\
         - 1.1 Provider: {NOT_KNOWN}\n\
         - 1.2 Model: {named}; {base}\n\
         - 1.3 Modalities and size: text; {conversations} conversations, {bytes} bytes of text; {sealed}\n\n\
         ## 2 List of data sources\n\n\
         ### 2.1 Publicly available datasets\n\n{data}\n\n\
         ### 2.2 Private datasets obtained from third parties\n\nnone in the records\n\n\
         ### 2.3 Data crawled and scraped from online sources\n\nnone: the program crawls nothing\n\n\
         ### 2.4 User data\n\nWhether questions of customers are among the exchanges named here: {NOT_KNOWN}\n\n\
         ### 2.5 Synthetic data\n\nModels whose outputs were trained on:\n\n{models}\n\n\
         ### 2.6 Other sources of data\n\nnone in the records\n\n\
         ## 3 Data processing aspects\n\n\
         - 3.1 Reservation of rights: every source was permitted under its terms before anything was learned from it; policy: {NOT_KNOWN}\n\
         - 3.2 Removal of illegal content: {NOT_KNOWN}\n\
         - 3.3 Other: {processing}\n",
        named = of.named(),
        base = of.base(),
        conversations = of.conversations(),
        bytes = of.bytes(),
        sealed = of.sealed(),
        data = of.lines(true),
        models = of.lines(false),
        processing = of.processing(),
    )
}

/// The documentation of training data for California, under its twelve headings.
pub fn training_data_page(of: &Origins<'_>) -> String {
    let synthetic = if of.sets(false).is_empty() { "no" } else { "yes" };
    let licensed = of.terms.iter().map(|row| format!("{} ({})", row.name, row.key));
    let licensed: Vec<String> = licensed.collect();
    let headings: [(&str, String); 12] = [
        (
            "The sources or owners of the datasets",
            format!("{}\n\n{}", of.lines(true), of.lines(false)),
        ),
        (
            "How the datasets further the intended purpose of the system",
            NOT_KNOWN.to_owned(),
        ),
        (
            "The number of data points",
            format!("{} conversations, {} bytes of text", of.conversations(), of.bytes()),
        ),
        (
            "The types of data points",
            "conversations of a person with an assistant; no labels".to_owned(),
        ),
        (
            "Whether the datasets include data protected by copyright, trademark or patent, or are in the public domain",
            format!("bound by: {}", licensed.join("; ")),
        ),
        (
            "Whether the datasets were purchased or licensed",
            format!("licensed: {}", licensed.join("; ")),
        ),
        (
            "Whether the datasets include personal information (Civil Code, section 1798.140)",
            format!(
                "detectors found and replaced {} values; what they miss is measured in the dataset's `privacy.json`",
                of.replaced
            ),
        ),
        (
            "Whether the datasets include aggregate consumer information (Civil Code, section 1798.140)",
            NOT_KNOWN.to_owned(),
        ),
        ("Cleaning, processing or other modification", of.processing()),
        (
            "The time period during which the data was collected, and whether it goes on",
            of.sealed(),
        ),
        (
            "The dates when the datasets were first used",
            format!("the model was made on {}", of.pedigree.at),
        ),
        (
            "Whether synthetic data generation was or is used",
            format!("{synthetic}\n\n{}", of.lines(false)),
        ),
    ];
    let mut page = format!(
        "# Training data documentation\n\nModel: {}; {}\n",
        of.named(),
        of.base()
    );
    for (number, (heading, text)) in (1..).zip(headings) {
        let _ = write!(page, "\n## {number} {heading}\n\n{text}\n");
    }
    page
}
