//! `POST /v1/completions` by a model of our own: text, texts, token ids or lists of token ids, continued or only weighed.
//! Source: OpenAI API reference, "Completions"; what evaluation harnesses ask (`echo` with `logprobs`) as vLLM answers it.

use bytes::Bytes;
use cultivar_record::chat::ChatUsage;
use serde::{Deserialize, Serialize};

use crate::choices::{Choices, Piece, Plan, Prompt, Wire, event, json};
use crate::logprobs::TextLogprobs;
use crate::model::{LocalEnd, LocalModel};
use crate::prompts::{Prompts, not_a_prompt};
use crate::sampling::{self, Asked, TooLong, alternatives, read};
use crate::{OwnError, Prepared, Question};

/// Most tokens where the caller does not say, as at OpenAI.
const USUAL_MAX_TOKENS: usize = 16;

#[derive(Deserialize)]
struct Asks {
    echo: Option<bool>,
    logprobs: Option<u64>,
    best_of: Option<u64>,
    suffix: Option<String>,
}

#[derive(Deserialize)]
struct Asking {
    prompt: Option<Prompts>,
}

/// Understands a completion request.
///
/// # Errors
/// `Invalid`, `UnsupportedValue` and `ContextLength` for requests that cannot be answered; `Unsupported` and `Failed` where the
/// model cannot or fails.
pub(crate) fn prepare(model: &dyn LocalModel, question: &Question) -> Result<Prepared, OwnError> {
    let (plan, with_logprobs) = plan(model, &question.body)?;
    let wire = CompletionWire {
        id: format!("cmpl-{}", question.exchange),
        created: question.created,
        model: question.model.clone(),
        with_logprobs,
    };
    Ok(Prepared::Choices(Box::new(Choices::new(plan, wire))))
}

fn plan(model: &dyn LocalModel, body: &[u8]) -> Result<(Plan, bool), OwnError> {
    let what = "a completion request";
    let info = model.info()?;
    let (asked, asks): (Asked, Asks) = (read(body, what)?, read(body, what)?);
    let prompts = match serde_json::from_slice::<Asking>(body) {
        Ok(asking) => asking.prompt.unwrap_or_else(|| Prompts::Text(String::new())),
        Err(_) => return Err(not_a_prompt("prompt")),
    };
    let each = asked.choices()?;
    refuse_what_is_not_done(&asks, each)?;
    let with_logprobs = asks.logprobs.is_some();
    let (most, seed) = (asked.max_tokens, asked.seed());
    let mut options = asked.options(&info)?;
    options.weigh = asks.logprobs.map(|top| alternatives(top, "logprobs")).transpose()?;
    options.echo = asks.echo.unwrap_or(false);
    let prompts = prompts.tokens(model, "prompt", &info)?;
    let fitting = |tokens: Vec<u32>| {
        let max_tokens =
            sampling::fit(&info, tokens.len(), most, USUAL_MAX_TOKENS).map_err(|found| too_long(found, "prompt"))?;
        Ok(Prompt { tokens, max_tokens })
    };
    let prompts = prompts.into_iter().map(fitting).collect::<Result<_, OwnError>>()?;
    let plan = Plan {
        prompts,
        each,
        seed,
        options,
    };
    Ok((plan, with_logprobs))
}

fn refuse_what_is_not_done(asks: &Asks, each: u64) -> Result<(), OwnError> {
    let unsupported = |param: &'static str| OwnError::UnsupportedValue {
        param,
        value: "a value other than its default",
    };
    if asks.best_of.is_some_and(|best_of| best_of != each) {
        return Err(unsupported("best_of"));
    }
    if asks.suffix.as_ref().is_some_and(|suffix| !suffix.is_empty()) {
        return Err(unsupported("suffix"));
    }
    Ok(())
}

/// In OpenAI's words, by which clients know the case.
pub(crate) fn too_long(found: TooLong, param: &'static str) -> OwnError {
    let (context, prompt, answer) = (found.context, found.prompt, found.answer.unwrap_or(1));
    OwnError::ContextLength {
        message: format!(
            "This model's maximum context length is {context} tokens, however you requested {} tokens ({prompt} in your \
             prompt; {answer} for the completion). Please reduce your prompt; or completion length.",
            prompt.saturating_add(answer)
        ),
        param,
    }
}

struct CompletionWire {
    id: String,
    created: i64,
    model: String,
    with_logprobs: bool,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a ChatUsage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    text: &'a str,
    index: u64,
    logprobs: Option<TextLogprobs>,
    finish_reason: Option<&'static str>,
}

impl CompletionWire {
    fn completion<'a>(&'a self, choices: Vec<Choice<'a>>, usage: Option<&'a ChatUsage>) -> Completion<'a> {
        Completion {
            id: &self.id,
            object: "text_completion",
            created: self.created,
            model: &self.model,
            choices,
            usage,
        }
    }

    fn choice<'a>(&self, index: u64, piece: &'a Piece) -> Choice<'a> {
        Choice {
            text: &piece.text,
            index,
            logprobs: self.with_logprobs.then(|| TextLogprobs::of(&piece.tokens)),
            finish_reason: piece.end.map(LocalEnd::finish_reason),
        }
    }
}

impl Wire for CompletionWire {
    fn opening(&self, _choice: u64) -> Option<Bytes> {
        None
    }

    fn piece(&self, choice: u64, piece: &Piece) -> Bytes {
        event(&self.completion(vec![self.choice(choice, piece)], None))
    }

    fn usage(&self, usage: &ChatUsage) -> Bytes {
        event(&self.completion(Vec::new(), Some(usage)))
    }

    fn whole(&self, choices: &[Piece], usage: &ChatUsage) -> Bytes {
        let choices = (0..).zip(choices).map(|(index, piece)| self.choice(index, piece));
        json(&self.completion(choices.collect(), Some(usage)))
    }
}
