//! `POST /v1/chat/completions` by a model of our own. Tools are accepted and answered in text: our models call none.
//! Source: OpenAI API reference, "Chat Completions" and "Streaming".

use bytes::Bytes;
use cultivar_record::chat::{ChatUsage, Content, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::choices::{Choices, Piece, Plan, Prompt, Wire, event, json};
use crate::logprobs::ChatLogprobs;
use crate::model::{LocalEnd, LocalInfo, LocalModel, TemplateEnd};
use crate::sampling::{self, Asked, TooLong, alternatives, read};
use crate::{OwnError, Prepared, Question};

#[derive(Deserialize)]
struct Asks {
    messages: Vec<Message>,
    logprobs: Option<bool>,
    top_logprobs: Option<u64>,
    response_format: Option<Value>,
    tool_choice: Option<Value>,
    /// `auto` leaves out the oldest turns of a conversation that is too long, as in OpenAI's Responses API.
    truncation: Option<Truncation>,
}

/// What is done about a conversation that is too long.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Truncation {
    /// Its oldest turns are left out.
    Auto,
    /// It is refused.
    Disabled,
}

/// Understands a chat request.
///
/// # Errors
/// `Invalid`, `UnsupportedValue` and `ContextLength` for requests that cannot be answered; `Unsupported` and `Failed` where the
/// model cannot or fails.
pub(crate) fn prepare(model: &dyn LocalModel, question: &Question) -> Result<Prepared, OwnError> {
    let plan = plan(model, &question.body)?;
    let wire = ChatWire {
        id: format!("chatcmpl-{}", question.exchange),
        created: question.created,
        model: question.model.clone(),
        with_logprobs: plan.options.weigh.is_some(),
    };
    Ok(Prepared::Choices(Box::new(Choices::new(plan, wire))))
}

fn plan(model: &dyn LocalModel, body: &[u8]) -> Result<Plan, OwnError> {
    let what = "a chat completion request";
    let info = model.info()?;
    let (asked, asks): (Asked, Asks) = (read(body, what)?, read(body, what)?);
    refuse_what_is_not_done(&asks)?;
    let each = asked.choices()?;
    let most = asked.max_completion_tokens.or(asked.max_tokens);
    if most == Some(0) {
        return Err(OwnError::invalid("`max_tokens` must be at least 1", "max_tokens"));
    }
    let seed = asked.seed();
    let mut options = asked.options(&info)?;
    options.weigh = weigh(&asks)?;
    let talk = Talk {
        messages: &asks.messages,
        truncation: asks.truncation,
        most,
        param: "messages",
    };
    let prompt = talk.prompt(model, &info)?;
    Ok(Plan {
        prompts: vec![prompt],
        each,
        seed,
        options,
    })
}

/// A conversation that is to be gone on with.
pub(crate) struct Talk<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) truncation: Option<Truncation>,
    /// Most tokens of the answer, where that is asked for.
    pub(crate) most: Option<u64>,
    /// The field that holds it.
    pub(crate) param: &'static str,
}

impl Talk<'_> {
    pub(crate) fn prompt(&self, model: &dyn LocalModel, info: &LocalInfo) -> Result<Prompt, OwnError> {
        let usual = info.preferred.max_tokens;
        let render = |end: TemplateEnd| model.render(self.messages, end);
        if let (Some(Truncation::Auto), Some(context)) = (self.truncation, info.context) {
            let most = self
                .most
                .map_or(usual, |most| usize::try_from(most).unwrap_or(usize::MAX));
            // Half the context at least stays for the question, however long the answer may become.
            let tokens = render(TemplateEnd::OpenWithin(
                context.saturating_sub(most.min(context / 2)).max(1),
            ))?;
            let max_tokens = most.min(context.saturating_sub(tokens.len()));
            return Ok(Prompt { tokens, max_tokens });
        }
        let tokens = render(TemplateEnd::Open)?;
        let fits = sampling::fit(info, tokens.len(), self.most, usual);
        let max_tokens = fits.map_err(|found| too_long(found, self.param))?;
        Ok(Prompt { tokens, max_tokens })
    }
}

fn refuse_what_is_not_done(asks: &Asks) -> Result<(), OwnError> {
    let unsupported = |param: &'static str, value: &'static str| Err(OwnError::UnsupportedValue { param, value });
    if asks.messages.is_empty() {
        let message = "`messages` must hold at least one message";
        return Err(OwnError::invalid(message, "messages"));
    }
    let kind_of = |value: &Value| value.get("type").and_then(Value::as_str).map(str::to_owned);
    let is_text = |part: &Value| matches!(kind_of(part).as_deref(), Some("text" | "refusal"));
    let has_other_parts = |message: &Message| match &message.content {
        Some(Content::Parts(parts)) => !parts.iter().all(is_text),
        _ => false,
    };
    if asks.messages.iter().any(has_other_parts) {
        return unsupported("messages", "parts that are not text");
    }
    match &asks.response_format {
        None => {}
        Some(format) => match kind_of(format).as_deref() {
            Some("text") => {}
            Some("json_object") => return unsupported("response_format", "`json_object`"),
            Some("json_schema") => return unsupported("response_format", "`json_schema`"),
            _ => return unsupported("response_format", "a type other than `text`"),
        },
    }
    match &asks.tool_choice {
        Some(Value::Object(_)) => unsupported("tool_choice", "a named tool"),
        Some(Value::String(choice)) if choice == "required" => unsupported("tool_choice", "`required`"),
        _ => Ok(()),
    }
}

fn weigh(asks: &Asks) -> Result<Option<usize>, OwnError> {
    match (asks.logprobs.unwrap_or(false), asks.top_logprobs) {
        (true, top) => alternatives(top.unwrap_or(0), "top_logprobs").map(Some),
        (false, Some(top)) if top > 0 => {
            let message = "`top_logprobs` needs `logprobs` to be true";
            Err(OwnError::invalid(message, "top_logprobs"))
        }
        (false, _) => Ok(None),
    }
}

/// In OpenAI's words, by which clients know the case.
fn too_long(found: TooLong, param: &'static str) -> OwnError {
    let (context, prompt) = (found.context, found.prompt);
    let what = match found.answer {
        Some(answer) if prompt <= context => format!(
            "you requested {} tokens ({prompt} in the messages, {answer} in the completion). Please reduce the length of \
             the messages or completion.",
            prompt.saturating_add(answer)
        ),
        _ => format!("your messages resulted in {prompt} tokens. Please reduce the length of the messages."),
    };
    OwnError::ContextLength {
        message: format!("This model's maximum context length is {context} tokens. However, {what}"),
        param,
    }
}

struct ChatWire {
    id: String,
    created: i64,
    model: String,
    with_logprobs: bool,
}

#[derive(Serialize)]
struct Answer<'a, C> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<C>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a ChatUsage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u64,
    message: Said<'a>,
    logprobs: Option<ChatLogprobs<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
    refusal: Option<()>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u64,
    delta: Delta<'a>,
    logprobs: Option<ChatLogprobs<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

impl ChatWire {
    fn answer<'a, C>(&'a self, object: &'static str, choices: Vec<C>, usage: Option<&'a ChatUsage>) -> Answer<'a, C> {
        Answer {
            id: &self.id,
            object,
            created: self.created,
            model: &self.model,
            choices,
            usage,
        }
    }

    fn chunk(&self, choices: Vec<ChunkChoice<'_>>, usage: Option<&ChatUsage>) -> Bytes {
        event(&self.answer("chat.completion.chunk", choices, usage))
    }

    fn logprobs<'a>(&self, piece: &'a Piece) -> Option<ChatLogprobs<'a>> {
        self.with_logprobs.then(|| ChatLogprobs::of(&piece.tokens))
    }
}

impl Wire for ChatWire {
    fn opening(&self, choice: u64) -> Option<Bytes> {
        let choice = ChunkChoice {
            index: choice,
            delta: Delta {
                role: Some("assistant"),
                content: Some(""),
            },
            logprobs: None,
            finish_reason: None,
        };
        Some(self.chunk(vec![choice], None))
    }

    fn piece(&self, choice: u64, piece: &Piece) -> Bytes {
        let is_end = piece.end.is_some();
        let choice = ChunkChoice {
            index: choice,
            delta: Delta {
                role: None,
                content: (!is_end).then_some(&piece.text),
            },
            logprobs: if is_end { None } else { self.logprobs(piece) },
            finish_reason: piece.end.map(LocalEnd::finish_reason),
        };
        self.chunk(vec![choice], None)
    }

    fn usage(&self, usage: &ChatUsage) -> Bytes {
        self.chunk(Vec::new(), Some(usage))
    }

    fn whole(&self, choices: &[Piece], usage: &ChatUsage) -> Bytes {
        let choices = (0..).zip(choices).map(|(index, piece)| Choice {
            index,
            message: Said {
                role: "assistant",
                content: &piece.text,
                refusal: None,
            },
            logprobs: self.logprobs(piece),
            finish_reason: piece.end.map(LocalEnd::finish_reason),
        });
        json(&self.answer("chat.completion", choices.collect(), Some(usage)))
    }
}
