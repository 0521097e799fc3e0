//! The demo's story on shipped data and with invented people: a build whose closed provider may be asked but not learned from, then
//! what people decide. It does not know the terminal, the server or the clock; each step is told to a `Progress`.

mod closed;
mod people;

use std::path::Path;

use cultivar_gateway::providers::recorded::{Dialogue, parse_dialogues};
use cultivar_pipeline::{PipelineError, Recipe};

pub use closed::build;
pub use people::decide;

/// The organisation of the demo.
pub const ORGANIZATION: &str = "demo-cafe";
/// From where it asks.
pub const MARKET: &str = "US";

const DIALOGUES: &str = include_str!("../../../data/taskmaster4/dialogues.jsonl");
const RECIPE: &str = include_str!("../recipe.toml");
/// What to ask a barista.
const EXAMPLES: [&str; 3] = [
    "one chai latte please",
    "do you have anything without caffeine?",
    "can I get a mocha with oat milk?",
];
/// A provider whose terms forbid training a competing model. The embedded teacher stands in for its server.
const CLOSED: &str = "example-closed";
const CLOSED_TERMS: &str = "openai-services-2026-01-01";

/// The shipped dialogues, or the first of them.
///
/// # Errors
/// `pipeline::unreadable_row`.
pub fn dialogues(most: Option<usize>) -> Result<Vec<Dialogue>, PipelineError> {
    let unreadable = |(line, reason)| PipelineError::UnreadableRow {
        path: "dialogues.jsonl".to_owned(),
        line,
        reason,
    };
    let mut dialogues = parse_dialogues(DIALOGUES).map_err(unreadable)?;
    dialogues.truncate(most.unwrap_or(usize::MAX));
    Ok(dialogues)
}

/// Questions for the demo's model; other models have other subjects.
///
/// # Errors
/// As of [`recipe`].
pub fn examples(model: &str) -> Result<Vec<String>, PipelineError> {
    let is_of_the_demo = recipe()?.name == model;
    Ok(if is_of_the_demo {
        EXAMPLES.map(str::to_owned).to_vec()
    } else {
        Vec::new()
    })
}

/// The demo's recipe.
///
/// # Errors
/// `pipeline::recipe_unreadable` and others of a recipe.
pub fn recipe() -> Result<Recipe, PipelineError> {
    Recipe::parse(RECIPE, Path::new("demo.toml"))
}
