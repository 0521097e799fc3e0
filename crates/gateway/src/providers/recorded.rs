//! `recorded`: the embedded teacher's memory. It answers a conversation with the turn that a person recorded next, and says
//! so where there is none. It is served over HTTP like any other provider; this file is only what it knows.

use std::collections::HashMap;

use cultivar_record::{
    TokenCount,
    chat::{Message, Role},
};
use serde::{Deserialize, Serialize};

use cultivar_record::without_values;

/// A recorded dialogue: one line of a dialogues file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// Its id in the source.
    pub id: String,
    /// Its turns, oldest first.
    pub messages: Vec<Message>,
}

/// Reads a dialogues file: JSON lines.
///
/// # Errors
/// The number of the line and what is wrong with it, without its text.
pub fn parse_dialogues(text: &str) -> Result<Vec<Dialogue>, (usize, String)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| serde_json::from_str(line).map_err(|e| (at + 1, without_values(&e))))
        .collect()
}

/// The recorded dialogues, found by what was said so far.
#[derive(Debug, Default)]
pub struct Recording {
    by_history: HashMap<String, String>,
}

impl Recording {
    /// Remembers dialogues.
    pub fn new(dialogues: &[Dialogue]) -> Self {
        let mut by_history = HashMap::new();
        for dialogue in dialogues {
            let turns = dialogue
                .messages
                .iter()
                .enumerate()
                .filter(|(_, message)| message.role == Role::Assistant);
            for (at, message) in turns {
                let before = dialogue.messages.get(..at).unwrap_or_default();
                by_history.insert(history_key(Some(&dialogue.id), before), message.plain_text());
                by_history
                    .entry(history_key(None, before))
                    .or_insert_with(|| message.plain_text());
            }
        }
        Self { by_history }
    }

    /// What the person of a dialogue answered next; without the dialogue's id, what somebody answered first.
    pub fn answer(&self, dialogue: Option<&str>, messages: &[Message]) -> Option<&str> {
        let spoken: Vec<Message> = messages
            .iter()
            .filter(|m| matches!(m.role, Role::User | Role::Assistant))
            .cloned()
            .collect();
        let named = dialogue.and_then(|id| self.by_history.get(&history_key(Some(id), &spoken)));
        named
            .or_else(|| self.by_history.get(&history_key(None, &spoken)))
            .map(String::as_str)
    }
}

fn history_key(dialogue: Option<&str>, messages: &[Message]) -> String {
    let mut key = dialogue.unwrap_or("").to_owned();
    for message in messages {
        key.push('\u{1}');
        key.push_str(message.role.as_str());
        key.push('\u{2}');
        key.push_str(&message.plain_text());
    }
    key
}

/// The teacher counts words as tokens: people wrote its answers, so no tokenizer is the true one.
pub fn words(text: &str) -> TokenCount {
    TokenCount::new(u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_opening_leads_to_the_answer_of_its_own_dialogue() {
        let lines = concat!(
            r#"{"id":"a","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}]}"#,
            "\n\n",
            r#"{"id":"b","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"}]}"#,
        );
        let recording = Recording::new(&parse_dialogues(lines).unwrap());
        let hi = [Message::text(Role::User, "hi")];
        assert_eq!(recording.answer(Some("b"), &hi), Some("yes?"));
        assert_eq!(recording.answer(None, &hi), Some("hello"));
        assert_eq!(recording.answer(None, &[Message::text(Role::User, "bye")]), None);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        assert_eq!(parse_dialogues("\n{\"id\":1}").unwrap_err().0, 2);
        let (_, reason) = parse_dialogues(r#"{"id":"a","messages":"my account is 4711"}"#).unwrap_err();
        assert!(!reason.contains("4711"), "{reason}");
    }
}
