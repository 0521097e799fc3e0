//! `/tokenize`, `/detokenize` and `/tokenizer_info` of a model of our own, in vLLM's shapes.
//! Source: vLLM, "OpenAI-Compatible Server", "Tokenizer API".

use std::collections::BTreeMap;

use bytes::Bytes;
use cultivar_record::chat::Message;
use serde::{Deserialize, Serialize};

use crate::OwnError;
use crate::choices::json;
use crate::model::{LocalInfo, LocalModel, SpecialNames, TemplateEnd};
use crate::prompts::unknown_ids;
use crate::sampling::read;

#[derive(Deserialize)]
struct Tokenize {
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    add_generation_prompt: Option<bool>,
    return_token_strs: Option<bool>,
    /// Whether the names of special tokens in `prompt` stand for these tokens; they do, as at vLLM, unless it is false.
    parse_special: Option<bool>,
}

#[derive(Serialize)]
struct Tokenized {
    count: usize,
    max_model_len: Option<usize>,
    tokens: Vec<u32>,
    token_strs: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Detokenize {
    tokens: Vec<u32>,
}

#[derive(Serialize)]
struct Detokenized {
    prompt: String,
}

/// `POST /tokenize`: the tokens of `prompt`, or of `messages` by the model's template.
///
/// # Errors
/// `Invalid` where there is neither, `Unsupported` and `Failed` where the model cannot or fails.
pub fn tokenize(model: &dyn LocalModel, body: &[u8]) -> Result<Bytes, OwnError> {
    tokens_of(model, read(body, "a tokenize request")?)
}

/// `POST /detokenize`: the text of `tokens`, special ones by their names.
///
/// # Errors
/// As [`tokenize`]; `Invalid` also where an id is no token.
pub fn detokenize(model: &dyn LocalModel, body: &[u8]) -> Result<Bytes, OwnError> {
    let asked: Detokenize = read(body, "a detokenize request")?;
    let info = model.info()?;
    if asked.tokens.iter().any(|id| *id as usize >= info.vocab) {
        return Err(unknown_ids("tokens", &info));
    }
    let prompt = model.detokenize(&asked.tokens)?;
    Ok(json(&Detokenized { prompt }))
}

/// `GET /tokenizer_info`: what Hugging Face calls `tokenizer_config.json`, and the size of the vocabulary.
///
/// # Errors
/// `Unsupported` where the model has no tokenizer.
pub fn tokenizer_info(model: &dyn LocalModel) -> Result<Bytes, OwnError> {
    Ok(json(&TokenizerInfo::of(&model.info()?)))
}

fn tokens_of(model: &dyn LocalModel, asked: Tokenize) -> Result<Bytes, OwnError> {
    let info = model.info()?;
    let names = match asked.parse_special {
        Some(false) => SpecialNames::AreText,
        _ => SpecialNames::AreTokens,
    };
    let end = match asked.add_generation_prompt {
        Some(false) => TemplateEnd::Closed,
        _ => TemplateEnd::Open,
    };
    let tokens = match (asked.prompt, asked.messages) {
        (Some(prompt), None) => model.tokenize(&prompt, names),
        (None, Some(messages)) => model.render(&messages, end),
        _ => {
            let message = "either `prompt` or `messages` must be given";
            return Err(OwnError::invalid(message, "prompt"));
        }
    };
    let tokens = tokens?;
    let texts = || tokens.iter().map(|token| model.detokenize(&[*token])).collect();
    let token_strs: Option<Result<Vec<String>, _>> = (asked.return_token_strs == Some(true)).then(texts);
    Ok(json(&Tokenized {
        count: tokens.len(),
        max_model_len: info.context,
        token_strs: token_strs.transpose()?,
        tokens,
    }))
}

#[derive(Serialize)]
struct TokenizerInfo<'a> {
    tokenizer_class: &'static str,
    bos_token: Option<&'a str>,
    eos_token: Option<&'a str>,
    pad_token: Option<&'a str>,
    unk_token: Option<&'a str>,
    additional_special_tokens: Vec<&'a str>,
    added_tokens_decoder: BTreeMap<u32, AddedToken<'a>>,
    add_bos_token: bool,
    add_prefix_space: bool,
    clean_up_tokenization_spaces: bool,
    model_max_length: Option<usize>,
    vocab_size: usize,
    chat_template: Option<&'a str>,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the shape is Hugging Face's")]
struct AddedToken<'a> {
    content: &'a str,
    lstrip: bool,
    normalized: bool,
    rstrip: bool,
    single_word: bool,
    special: bool,
}

impl<'a> TokenizerInfo<'a> {
    fn of(info: &'a LocalInfo) -> Self {
        let end = info.special.iter().find(|(id, _)| *id == info.end);
        let end = end.map(|(_, name)| name.as_str());
        let added = |(id, name): &'a (u32, String)| {
            let token = AddedToken {
                content: name,
                lstrip: false,
                normalized: false,
                rstrip: false,
                single_word: false,
                special: true,
            };
            (*id, token)
        };
        Self {
            tokenizer_class: "PreTrainedTokenizerFast",
            bos_token: None,
            eos_token: end,
            pad_token: end,
            unk_token: None,
            additional_special_tokens: info.special.iter().map(|(_, name)| name.as_str()).collect(),
            added_tokens_decoder: info.special.iter().map(added).collect(),
            add_bos_token: false,
            add_prefix_space: false,
            clean_up_tokenization_spaces: false,
            model_max_length: info.context,
            vocab_size: info.vocab,
            chat_template: info.chat_template.as_deref(),
        }
    }
}
