//! Collect: the user turns of each conversation go through the door, one after another; the teacher's answers come back.

use cultivar_gateway::{
    Answer, Question,
    providers::recorded::{Dialogue, parse_dialogues},
};
use cultivar_record::{
    ConversationId, Digest, Purpose, Timestamp, TokenCount,
    chat::{ChatRequest, Completion, Message, Role},
    digest_of,
};
use cultivar_store::{files, tables};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::path::Path;

use crate::{Context, PipelineError, Rate, Recipe};

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
        self.dialogues.iter().map(|dialogue| user_turns(dialogue).len()).sum()
    }
}

/// The user turns to ask. In a recorded dialogue those that were answered; in a list of prompts all of them.
fn user_turns(dialogue: &Dialogue) -> Vec<&Message> {
    let is_recorded = dialogue.messages.iter().any(|m| m.role == Role::Assistant);
    let last_answer = dialogue
        .messages
        .iter()
        .rposition(|m| m.role == Role::Assistant)
        .unwrap_or(0);
    let asked = |(at, m): &(usize, &Message)| m.role == Role::User && (!is_recorded || *at < last_answer);
    dialogue
        .messages
        .iter()
        .enumerate()
        .filter(asked)
        .map(|(_, m)| m)
        .collect()
}

/// What collecting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Collected {
    /// Questions asked now.
    pub(crate) asked: u64,
    /// Questions that an earlier, interrupted build had asked.
    pub(crate) known: u64,
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
        collected.tokens = collected.tokens + one.tokens;
        let done = collected.asked + collected.known;
        context
            .progress
            .update(&rate.update(context.ambient(), "exchanges", done, ""));
    }
    let seconds = rate.seconds(context.ambient());
    context.progress.fact(&format!(
        "{} exchanges in {seconds:.1} s ({} asked now, {} already recorded), {}",
        collected.asked + collected.known,
        collected.asked,
        collected.known,
        collected.tokens
    ));
    Ok(collected)
}

async fn converse(context: &Context, recipe: &Recipe, dialogue: &Dialogue) -> Result<Collected, PipelineError> {
    let conversation = conversation_id(&recipe.name, &dialogue.id);
    let mut so_far = Vec::new();
    let mut collected = Collected::default();
    for turn in user_turns(dialogue) {
        context.interrupt.check("collect")?;
        so_far.push(turn.clone());
        let mut request = ChatRequest::plain(recipe.teacher.provider.clone(), so_far.clone());
        request
            .rest
            .insert("metadata".to_owned(), json!({ "conversation": dialogue.id }));
        let key = digest_of(&(&dialogue.id, &so_far))?.to_string();
        let answer = if let Some(answer) = recorded_answer(context, recipe, &key)? {
            collected.known += 1;
            answer
        } else {
            collected.asked += 1;
            ask(
                context,
                Question {
                    request,
                    conversation: Some(conversation),
                    prompt_key: Some(key),
                },
            )
            .await?
        };
        collected.tokens = collected.tokens + answer.usage.as_ref().map_or(TokenCount::default(), |u| u.total_tokens);
        so_far.push(Message::text(Role::Assistant, answer.first_text()));
    }
    Ok(collected)
}

async fn ask(context: &Context, question: Question) -> Result<Completion, PipelineError> {
    match context.gateway.complete(&context.callers.collect, question).await?.1 {
        Answer::Whole(completion) => Ok(*completion),
        Answer::Stream(_) => Err(cultivar_gateway::GatewayError::Unsupported {
            model: "teacher".to_owned(),
            what: "collected from as a stream",
        }
        .into()),
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
            Ok(Some(context.gateway.blobs().get(&answer)?))
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
        user_turns(&Dialogue {
            id: "d".to_owned(),
            messages,
        })
        .len()
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
        assert_eq!(asked(&[User, User]), 2);
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
