//! Why a build stopped.

use cultivar_gateway::GatewayError;
use cultivar_ledger::LedgerError;
use cultivar_model::ModelError;
use cultivar_papers::PapersError;
use cultivar_privacy::PrivacyError;
use cultivar_record::{RecordError, Verdict};
use cultivar_stats::StatsError;
use cultivar_store::StoreError;
use miette::Diagnostic;
use thiserror::Error;

/// A failure of the offline job. Everything done before it is kept: the same command goes on from there.
#[derive(Debug, Error, Diagnostic)]
pub enum PipelineError {
    /// The recipe cannot be read.
    #[error("the recipe `{path}` cannot be read: {reason}")]
    #[diagnostic(
        code("pipeline::recipe"),
        help("see the recipe in README.md; every key is documented there")
    )]
    Recipe {
        /// The file.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// A line of prompts or of a dataset cannot be read.
    #[error("line {line} of `{path}` cannot be read: {reason}")]
    #[diagnostic(
        code("pipeline::unreadable_row"),
        help(
            "each line is one JSON object: {{\"id\": \"…\", \"messages\": [{{\"role\": \"user\", \"content\": \"…\"}}]}}"
        )
    )]
    UnreadableRow {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// Nothing may be trained on.
    #[error("no source may be trained on: {} is forbidden under `{}`{}", verdict.action, verdict.terms, clause(verdict))]
    #[diagnostic(code("pipeline::nothing_permitted"), help("{}", advice(verdict)))]
    NothingPermitted {
        /// The last verdict.
        verdict: Box<Verdict>,
    },
    /// A paper beside the weights is not what it claims to be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Papers(#[from] PapersError),
    /// The terms of the training data demand another name.
    #[error(
        "a model trained under `{terms}` has a name that begins with `{prefix}`, and `{model}` does not (clause {clause})"
    )]
    #[diagnostic(
        code("pipeline::name_prefix"),
        help("give the recipe a `name` that begins with `{prefix}`, or train on data of other terms")
    )]
    NamePrefix {
        /// The model.
        model: String,
        /// What its name must begin with.
        prefix: String,
        /// Whose terms.
        terms: String,
        /// The clause.
        clause: String,
    },
    /// Duties that cannot both be kept. Training goes on: whether the model is offered is decided later.
    #[error("the duties of `{terms}` and of `{against}` clash: {reason}")]
    #[diagnostic(
        code("pipeline::duties_clash"),
        help("train without the data of one of them, or have counsel find a licence that keeps both")
    )]
    DutiesClash {
        /// Whose duty.
        terms: String,
        /// Against whose.
        against: String,
        /// Why both cannot be kept.
        reason: String,
    },
    /// Too little to go on.
    #[error("{what}: {found} conversations, and at least {needed} are needed")]
    #[diagnostic(
        code("pipeline::too_little_data"),
        help("collect more prompts, or loosen `[curate]` in the recipe")
    )]
    TooLittleData {
        /// For what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A dataset is not what its manifest says.
    #[error("the dataset `{name}` is damaged: {reason}")]
    #[diagnostic(
        code("pipeline::damaged_dataset"),
        help("restore it from a backup, or remove its folder and build it again")
    )]
    DamagedDataset {
        /// Name and version.
        name: String,
        /// What differs.
        reason: String,
    },
    /// A checkpoint is not what its manifest says.
    #[error("the checkpoint `{path}` is damaged: {reason}")]
    #[diagnostic(
        code("pipeline::corrupt_checkpoint"),
        help("remove that folder; the run goes on from the one before, or from the start")
    )]
    CorruptCheckpoint {
        /// The folder.
        path: String,
        /// What differs.
        reason: String,
    },
    /// A run is done, but what it ended with is not there.
    #[error("the run `{run}` is done, but the weights that it ended with are gone")]
    #[diagnostic(
        code("pipeline::lost_weights"),
        help("restore `runs/` from a backup, or train anew: any change of `[train]` in the recipe is another run")
    )]
    LostWeights {
        /// The run.
        run: String,
    },
    /// A model is not what its manifest or pedigree says.
    #[error("the model `{name}` is damaged: {reason}")]
    #[diagnostic(
        code("pipeline::damaged_model"),
        help("restore it from a backup, or publish it again with `cultivar build`")
    )]
    DamagedModel {
        /// Name and version.
        name: String,
        /// What differs.
        reason: String,
    },
    /// Somebody stopped the build.
    #[error("interrupted during {stage}; everything up to here is kept")]
    #[diagnostic(
        code("pipeline::interrupted"),
        help("run the same command again: it goes on from here")
    )]
    Interrupted {
        /// During what.
        stage: &'static str,
    },
    /// The door refused or failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Gateway(#[from] GatewayError),
    /// Storage failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    /// The student failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Model(#[from] ModelError),
    /// Desensitisation failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Privacy(#[from] PrivacyError),
    /// An estimate failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Stats(#[from] StatsError),
    /// The ledger failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// A record is malformed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
}

fn clause(verdict: &Verdict) -> String {
    let clause = verdict.first_reason().and_then(|reason| reason.clause.as_ref());
    clause.map_or_else(String::new, |clause| format!(", clause {clause}"))
}

fn advice(verdict: &Verdict) -> String {
    let advice = verdict.first_reason().and_then(|reason| reason.advice.clone());
    advice.unwrap_or_else(|| "use a provider whose terms permit training: `cultivar terms list`".to_owned())
}
