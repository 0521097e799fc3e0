//! `POST /v1/responses` by a model of our own. Nothing is kept for a later call, so a conversation comes whole each time; tools are
//! accepted and answered in text, as in chat.
//! Source: OpenAI API reference, "Responses" and "Streaming events".

mod request;
mod wire;

use crate::chat::Talk;
use crate::choices::{Choices, Plan};
use crate::model::LocalModel;
use crate::sampling::{Asked, read};
use crate::{OwnError, Prepared, Question};

use request::Asks;
use wire::ResponsesWire;

/// Understands a request.
///
/// # Errors
/// `Invalid`, `UnsupportedValue` and `ContextLength` for requests that cannot be answered; `Unsupported` and `Failed` where the
/// model cannot or fails.
pub(crate) fn prepare(model: &dyn LocalModel, question: &Question) -> Result<Prepared, OwnError> {
    let what = "a request for a response";
    let info = model.info()?;
    let (asked, asks): (Asked, Asks) = (read(&question.body, what)?, read(&question.body, what)?);
    asks.refuse_what_is_not_done()?;
    let messages = asks.messages()?;
    let options = asked.options(&info)?;
    let talk = Talk {
        messages: &messages,
        truncation: asks.truncation,
        most: asks.max_output_tokens,
        param: "input",
    };
    let prompt = talk.prompt(model, &info)?;
    let wire = ResponsesWire::new(question, &asks, &options.sampling);
    let plan = Plan {
        prompts: vec![prompt],
        each: 1,
        seed: None,
        options,
    };
    Ok(Prepared::Choices(Box::new(Choices::new(plan, wire))))
}
