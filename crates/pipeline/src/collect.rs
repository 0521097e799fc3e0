//! Collect: the user turns of each conversation go through the door, one after another; the teacher's answers come back.

use cultivar_gateway::{
    Answer, GatewayError, Question,
    providers::recorded::{Dialogue, parse_dialogues},
};
use cultivar_record::{
    ConversationId, Digest, ProviderKind, Purpose, Timestamp, TokenCount,
    chat::{ChatRequest, Completion, Message, Role},
    digest_of,
};
use cultivar_store::{files, tables};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::{path::Path, time::Duration};

use crate::{Context, PipelineError, Rate, Recipe};

/// How often a question is asked before the build stops.
const MOST_TRIES: u32 = 5;
/// Wait before the second try; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// What to ask: conversations whose user turns are sent in order.
#[derive(Clone, Debug)]
pub struct Prompts {
    dialogues: Vec<Dialogue>,
}

impl Prompts {
    /// These dialogues.
    pub const fn new(dialogues: Vec<Dialogue>) -> Self {
        Self { dialogues }
    }

    /// Reads a dialogues file.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        Self::parse(&files::read_text(path)?, path)
    }

    /// Reads the text of a dialogues file.
    ///
    /// # Errors
    /// `pipeline::unreadable_row` with the line.
    pub fn parse(text: &str, path: &Path) -> Result<Self, PipelineError> {
        let unreadable = |(line, reason)| PipelineError::UnreadableRow {
            path: path.display().to_string(),
            line,
            reason,
        };
        Ok(Self {
            dialogues: parse_dialogues(text).map_err(unreadable)?,
        })
    }

    /// The conversations that these prompts become under a recipe.
    pub(crate) fn conversations(&self, recipe: &Recipe) -> impl Iterator<Item = ConversationId> {
        self.dialogues
            .iter()
            .map(|dialogue| conversation_id(&recipe.name, &dialogue.id))
    }

    fn questions(&self) -> usize {
        self.dialogues
            .iter()
            .map(|dialogue| turns(dialogue).filter(|message| is_asked(message)).count())
            .sum()
    }
}

/// The turns to send, in order: instructions, and the user turns to ask. In a recorded dialogue those are the ones that were
/// answered; in a list of prompts all of them.
fn turns(dialogue: &Dialogue) -> impl Iterator<Item = &Message> {
    let last_answer = dialogue.messages.iter().rposition(|m| m.role == Role::Assistant);
    let is_sent = move |(at, m): &(usize, &Message)| match m.role {
        Role::System | Role::Developer => true,
        Role::User => last_answer.is_none_or(|last| *at < last),
        Role::Assistant | Role::Tool | Role::Function => false,
    };
    dialogue.messages.iter().enumerate().filter(is_sent).map(|(_, m)| m)
}

fn is_asked(message: &Message) -> bool {
    message.role == Role::User
}

/// What collecting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Collected {
    /// Questions asked now.
    pub(crate) asked: u64,
    /// Questions that an earlier, interrupted build had asked.
    pub(crate) known: u64,
    /// Questions that the teacher declined; their conversations end there.
    pub(crate) declined: u64,
    pub(crate) tokens: TokenCount,
}

pub(crate) async fn collect(context: &Context, recipe: &Recipe, prompts: &Prompts) -> Result<Collected, PipelineError> {
    let total = u64::try_from(prompts.questions()).unwrap_or(u64::MAX);
    let rate = Rate::start(context.ambient(), total);
    let mut collected = Collected::default();
    let mut conversations = stream::iter(&prompts.dialogues)
        .map(|dialogue| converse(context, recipe, dialogue))
        .buffer_unordered(recipe.collect.concurrency);
    while let Some(one) = conversations.try_next().await? {
        collected.asked += one.asked;
        collected.known += one.known;
        collected.declined += one.declined;
        collected.tokens = collected.tokens + one.tokens;
        let done = collected.asked + collected.known;
        context
            .progress
            .update(&rate.update(context.ambient(), "exchanges", done, ""));
    }
    let seconds = rate.seconds(context.ambient());
    context.progress.fact(&format!(
        "{} exchanges in {seconds:.1} s ({} asked now, {} already recorded, {} declined), {}",
        collected.asked + collected.known,
        collected.asked,
        collected.known,
        collected.declined,
        collected.tokens
    ));
    Ok(collected)
}

async fn converse(context: &Context, recipe: &Recipe, dialogue: &Dialogue) -> Result<Collected, PipelineError> {
    let conversation = conversation_id(&recipe.name, &dialogue.id);
    let mut so_far = Vec::new();
    let mut collected = Collected::default();
    for turn in turns(dialogue) {
        context.interrupt.check("collect")?;
        so_far.push(turn.clone());
        if turn.role != Role::User {
            continue;
        }
        let key = digest_of(&(&dialogue.id, &so_far))?.to_string();
        let answer = if let Some(answer) = recorded_answer(context, recipe, &key)? {
            collected.known += 1;
            answer
        } else {
            collected.asked += 1;
            let request = request(recipe, dialogue, &so_far);
            let question = Question {
                request,
                conversation: Some(conversation),
                prompt_key: Some(key),
            };
            let Some(answer) = ask(context, question).await? else {
                collected.declined += 1;
                break;
            };
            answer
        };
        collected.tokens = collected.tokens + answer.usage.as_ref().map_or(TokenCount::default(), |u| u.total_tokens);
        so_far.push(Message::text(Role::Assistant, answer.first_text()));
    }
    Ok(collected)
}

fn request(recipe: &Recipe, dialogue: &Dialogue, so_far: &[Message]) -> ChatRequest {
    let mut request = ChatRequest::plain(recipe.teacher.provider.clone(), so_far.to_vec());
    if recipe.teacher.kind == ProviderKind::Recorded {
        // The same words opened several dialogues: the embedded teacher has to know which one goes on here.
        request
            .rest
            .insert("metadata".to_owned(), json!({ "conversation": dialogue.id }));
    }
    request
}

/// Asks the teacher; waits and asks again where that may help. Nothing where the teacher declines this question.
async fn ask(context: &Context, question: Question) -> Result<Option<Completion>, PipelineError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..MOST_TRIES {
        match ask_once(context, question.clone()).await {
            Err(error) if may_pass(&error) && !context.interrupt.is_set() => {
                context.progress.warning(&error);
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            other => return declined(context, other),
        }
    }
    declined(context, ask_once(context, question).await)
}

async fn ask_once(context: &Context, question: Question) -> Result<Completion, GatewayError> {
    match context.gateway.complete(&context.callers.collect, question).await?.1 {
        Answer::Whole(completion) => Ok(*completion),
        Answer::Stream(_) => Err(GatewayError::Unsupported {
            model: "teacher".to_owned(),
            what: "collected from as a stream",
        }),
    }
}

/// Whether the same question may be answered a moment later.
fn may_pass(error: &GatewayError) -> bool {
    match error {
        GatewayError::Unreachable { .. } => true,
        GatewayError::Refused(refusal) => refusal.status == 429 || refusal.status >= 500,
        _ => false,
    }
}

/// A question that the teacher will not answer (its filter, its length) ends its conversation, not the build.
fn declined(context: &Context, asked: Result<Completion, GatewayError>) -> Result<Option<Completion>, PipelineError> {
    match asked {
        Ok(completion) => Ok(Some(completion)),
        Err(GatewayError::Refused(refusal)) if matches!(refusal.status, 400 | 413 | 422) => {
            context.progress.warning(&GatewayError::Refused(refusal));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn recorded_answer(context: &Context, recipe: &Recipe, key: &str) -> Result<Option<Completion>, PipelineError> {
    let (provider, purpose) = (recipe.teacher.provider.as_str(), Purpose::Collect.as_str());
    let known = context
        .gateway
        .store()
        .read(|tx| tables::exchange::answered(tx, provider, purpose, key))?;
    match known.and_then(|exchange| exchange.outcome) {
        Some(cultivar_record::ExchangeOutcome::Answered { answer, .. }) => {
            Ok(Some(context.gateway.completion(&answer)?))
        }
        _ => Ok(None),
    }
}

/// The same dialogue of the same recipe is the same conversation, also after an interruption.
fn conversation_id(recipe: &str, dialogue: &str) -> ConversationId {
    let random = Digest::of_bytes(format!("{recipe}\u{0}{dialogue}").as_bytes());
    ConversationId::from_parts(Timestamp::from_micros(0), random.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(roles: &[Role]) -> usize {
        let messages = roles.iter().map(|role| Message::text(*role, "x")).collect();
        let dialogue = Dialogue {
            id: "d".to_owned(),
            messages,
        };
        turns(&dialogue).filter(|message| is_asked(message)).count()
    }

    #[test]
    fn of_a_recorded_dialogue_only_answered_turns_are_asked_of_a_list_all() {
        use Role::{Assistant, User};
        assert_eq!(asked(&[User, Assistant, User, Assistant]), 2);
        assert_eq!(
            asked(&[User, Assistant, User]),
            1,
            "nobody recorded an answer to the last turn"
        );
        assert_eq!(asked(&[Role::System, User, User]), 2);
        assert_eq!(asked(&[]), 0);
    }

    #[test]
    fn the_same_dialogue_is_the_same_conversation_in_every_process() {
        assert_eq!(conversation_id("barista", "d1"), conversation_id("barista", "d1"));
        assert_ne!(conversation_id("barista", "d1"), conversation_id("barista", "d2"));
        assert_ne!(conversation_id("barista", "d1"), conversation_id("other", "d1"));
    }

    #[test]
    fn an_unreadable_line_is_named() {
        let error = Prompts::parse("{\"id\":\"a\",\"messages\":[]}\nnot json", Path::new("p.jsonl")).unwrap_err();
        assert!(error.to_string().starts_with("line 2 of `p.jsonl`"), "{error}");
    }
}
