//! Prompts in the four forms of OpenAI's API: a text, texts, token ids, lists of token ids.

use serde::Deserialize;

use crate::OwnError;
use crate::model::{LocalInfo, LocalModel, SpecialNames};

/// `prompt` of a completion, `input` of an embedding.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Prompts {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    Lists(Vec<Vec<u32>>),
}

impl Prompts {
    /// The tokens of each prompt. Texts never make special tokens; token ids may be special.
    pub(crate) fn tokens(
        self,
        model: &dyn LocalModel,
        param: &str,
        info: &LocalInfo,
    ) -> Result<Vec<Vec<u32>>, OwnError> {
        let texts = |texts: Vec<String>| -> Result<Vec<Vec<u32>>, OwnError> {
            let tokens = texts.iter().map(|text| model.tokenize(text, SpecialNames::AreText));
            tokens.collect::<Result<_, _>>().map_err(OwnError::from)
        };
        let prompts = match self {
            Self::Text(text) => texts(vec![text])?,
            Self::Texts(many) => texts(many)?,
            Self::Tokens(tokens) => vec![tokens],
            Self::Lists(lists) => lists,
        };
        if prompts.is_empty() {
            return Err(OwnError::invalid(format!("`{param}` must not be empty"), param));
        }
        if prompts.iter().flatten().any(|id| *id as usize >= info.vocab) {
            return Err(unknown_ids(param, info));
        }
        Ok(prompts)
    }
}

/// Token ids that the model does not know.
pub(crate) fn unknown_ids(param: &str, info: &LocalInfo) -> OwnError {
    OwnError::invalid(
        format!(
            "`{param}` must hold token ids below {}, the size of the vocabulary",
            info.vocab
        ),
        param,
    )
}

/// What a prompt must be.
pub(crate) fn not_a_prompt(param: &str) -> OwnError {
    OwnError::invalid(
        format!("`{param}` must be a text, an array of texts, an array of token ids, or an array of such arrays"),
        param,
    )
}
