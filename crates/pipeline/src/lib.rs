//! The offline job as pages: collect, admit, curate, train, publish, compare, report. [`build`] is the table of contents.
//!
//! No algorithms here: how text is desensitised, weights are trained or intervals are computed is known below. It does not
//! know the terminal or HTTP: what happens is told to a [`Progress`].

mod admit;
mod build;
mod collect;
mod compare;
mod context;
mod curate;
mod dataset_files;
mod duties;
mod error;
mod model_files;
mod papers;
mod pedigree;
mod progress;
mod proofs;
mod publish;
mod recipe;
mod report;
mod report_page;
mod run_files;
mod student;
mod train;

pub use build::{Built, build};
pub use collect::Prompts;
pub use context::{Callers, Context, Interrupt};
pub use dataset_files::{SealedDataset, open_dataset, verify_dataset};
pub use error::PipelineError;
pub use model_files::{open_student, verify_model};
pub use papers::{Check, Keys, VerifiedModel};
pub use pedigree::verify_pedigree;
pub use progress::{Progress, Rate, Update};
pub use publish::{join_published, retire};
pub use recipe::{CollectRecipe, CompareRecipe, CurateRecipe, Recipe, TeacherRecipe, TrainRecipe};
pub use report::Report;
