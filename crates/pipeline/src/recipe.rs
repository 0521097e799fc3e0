//! Recipes: what is asked of a build. TOML, unknown keys refused.

use std::path::{Path, PathBuf};

use cultivar_model::{Size, TrainSettings};
use cultivar_record::{Price, ProviderKind, TermsKey};
use serde::{Deserialize, Serialize};

use crate::PipelineError;

/// A recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The model's name at the gateway.
    pub name: String,
    /// Whom to learn from.
    pub teacher: TeacherRecipe,
    /// What to ask.
    pub collect: CollectRecipe,
    /// What to keep.
    #[serde(default)]
    pub curate: CurateRecipe,
    /// How to train.
    #[serde(default)]
    pub train: TrainRecipe,
    /// How to compare.
    #[serde(default)]
    pub compare: CompareRecipe,
}

/// `[teacher]`: a provider and its terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherRecipe {
    /// The provider's name.
    pub provider: String,
    /// How it is spoken to: `openai` or `recorded`.
    pub kind: ProviderKind,
    /// The model's name at the provider.
    pub model: String,
    /// The API's base URL, for kind `openai`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_variable: Option<String>,
    /// The row of the terms register that binds its answers.
    pub terms: TermsKey,
    /// Who accepted those terms for the organisation: a person's name.
    pub terms_accepted_by: String,
    /// Whom to name where the terms ask for attribution; goes into the cards of the dataset and the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// What it charges, in millionths of a US dollar per million tokens.
    #[serde(default)]
    pub price: Price,
}

/// `[collect]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectRecipe {
    /// A dialogues file (JSON lines); its user turns are asked in order. Relative to the recipe.
    pub prompts: PathBuf,
    /// Conversations under way at once.
    #[serde(default = "sixteen")]
    pub concurrency: usize,
    /// Other providers whose recorded exchanges to consider for training.
    #[serde(default)]
    pub also_consider: Vec<String>,
}

const fn sixteen() -> usize {
    16
}

/// `[curate]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CurateRecipe {
    /// Conversations whose word shingles overlap at least so much (Jaccard, 0 to 1) are near-duplicates; the first stays.
    pub near_duplicate: f64,
    /// Share of conversations that the run watches, 0 to 0.5.
    pub validation_share: f64,
    /// Share of conversations that the comparison asks about, 0 to 0.5.
    pub test_share: f64,
}

impl Default for CurateRecipe {
    fn default() -> Self {
        // 0.9: on short dialogues a lower bar drops different orders that share their closing turns.
        Self {
            near_duplicate: 0.9,
            validation_share: 0.03,
            test_share: 0.05,
        }
    }
}

/// Tokens in the vocabulary: on half a megabyte of dialogues more of them are seen too rarely to be learned.
const DEFAULT_VOCABULARY: usize = 2_048;

/// `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainRecipe {
    /// Seconds of training on this machine.
    pub seconds: f64,
    /// Whether the student competes with the teacher's company. Say `false` only where somebody has found so.
    pub competes: bool,
    /// Whether the student is used commercially.
    pub commercial: bool,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: f64,
    /// The seed of everything that is drawn at random.
    pub seed: u64,
    /// How large the student is: `tiny`, `small`, `medium` or `large`.
    pub size: Size,
    /// Tokens in its vocabulary.
    pub vocabulary: usize,
    /// Every other dial of the optimiser.
    pub settings: TrainSettings,
}

impl Default for TrainRecipe {
    fn default() -> Self {
        Self {
            seconds: 165.0,
            competes: true,
            commercial: true,
            checkpoint_seconds: 10.0,
            seed: 1,
            size: Size::default(),
            vocabulary: DEFAULT_VOCABULARY,
            settings: TrainSettings::default(),
        }
    }
}

/// `[compare]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompareRecipe {
    /// Most conversations of the test split to ask about.
    pub conversations: usize,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Bootstrap resamples.
    pub resamples: u32,
}

impl Default for CompareRecipe {
    fn default() -> Self {
        Self {
            conversations: 200,
            confidence: 0.95,
            resamples: 10_000,
        }
    }
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// `pipeline::recipe` with the place and the reason.
    pub fn parse(text: &str, path: &Path) -> Result<Self, PipelineError> {
        let wrong = |reason: String| PipelineError::Recipe {
            path: path.display().to_string(),
            reason,
        };
        let mut recipe: Self = toml::from_str(text).map_err(|e| wrong(e.to_string().trim_end().to_owned()))?;
        recipe.check().map_err(wrong)?;
        if let (Some(folder), true) = (path.parent(), recipe.collect.prompts.is_relative()) {
            recipe.collect.prompts = folder.join(&recipe.collect.prompts);
        }
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        let name_is_plain = !self.name.is_empty()
            && self.name.len() <= 60
            && self
                .name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !name_is_plain {
            return Err(format!(
                "`name` is `{}`; use lower-case letters, digits and `-`, at most 60",
                self.name
            ));
        }
        if self.teacher.kind == ProviderKind::Openai && self.teacher.base_url.is_none() {
            return Err("`teacher.base_url` is missing; a provider of kind `openai` needs one".to_owned());
        }
        if self.teacher.kind == ProviderKind::Local {
            return Err("`teacher.kind` cannot be `local`; use `openai` or `recorded`".to_owned());
        }
        let shares = [
            ("curate.near_duplicate", self.curate.near_duplicate, 0.1, 1.0),
            ("curate.validation_share", self.curate.validation_share, 0.001, 0.5),
            ("curate.test_share", self.curate.test_share, 0.001, 0.5),
            ("compare.confidence", self.compare.confidence, 0.5, 0.999),
            ("train.seconds", self.train.seconds, 1.0, 1e7),
            ("train.checkpoint_seconds", self.train.checkpoint_seconds, 1.0, 1e7),
        ];
        for (name, value, least, most) in shares {
            if !(least..=most).contains(&value) {
                return Err(format!("`{name}` is {value}; it must lie between {least} and {most}"));
            }
        }
        if !(1..=1_024).contains(&self.collect.concurrency) {
            return Err("`collect.concurrency` must lie between 1 and 1024".to_owned());
        }
        if !(100..=1_000_000).contains(&self.compare.resamples) {
            return Err("`compare.resamples` must lie between 100 and 1000000".to_owned());
        }
        if self.train.seed >= 1 << 53 {
            Err("`train.seed` must be below 2^53".to_owned())
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = r#"
        name = "barista"
        [teacher]
        provider = "acme"
        kind = "openai"
        model = "acme-large"
        base_url = "https://api.example.com/v1"
        key_variable = "ACME_KEY"
        terms = "deepseek-platform-2025-01-20"
        terms_accepted_by = "Ann Lee"
        [collect]
        prompts = "prompts.jsonl"
    "#;

    fn reason(text: &str) -> String {
        Recipe::parse(text, Path::new("recipes/a.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn prompts_lie_beside_the_recipe_and_the_rest_has_defaults() {
        let recipe = Recipe::parse(RECIPE, Path::new("recipes/a.toml")).unwrap();
        assert_eq!(recipe.collect.prompts, Path::new("recipes/prompts.jsonl"));
        assert!(
            recipe.train.competes && recipe.train.commercial,
            "the strict reading is the default"
        );
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let unknown = RECIPE.replace("[collect]", "[collect]\nspeed = 3");
        assert!(
            reason(&unknown).contains("unknown field `speed`"),
            "{}",
            reason(&unknown)
        );
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_asked() {
        let without_url = RECIPE.replace("base_url", "#");
        assert!(
            reason(&without_url).contains("teacher.base_url"),
            "{}",
            reason(&without_url)
        );
        let shares = format!("{RECIPE}\n[curate]\ntest_share = 0.9");
        assert!(reason(&shares).contains("curate.test_share"), "{}", reason(&shares));
        let name = RECIPE.replace("barista", "../barista");
        assert!(reason(&name).contains("`name`"), "{}", reason(&name));
        let local = RECIPE.replace("\"openai\"", "\"local\"");
        assert!(reason(&local).contains("teacher.kind"), "{}", reason(&local));
    }
}
