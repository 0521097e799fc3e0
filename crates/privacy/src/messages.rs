//! Chat messages: every text in them that a model reads or wrote.

use cultivar_record::chat::{Content, Message};
use serde_json::Value;

use crate::{Desensitiser, PrivacyError};

impl Desensitiser {
    /// One conversation: its messages with surrogates, counted in the report.
    ///
    /// # Errors
    /// `privacy::residue`; the conversation must then be left out.
    pub fn conversation(&mut self, messages: &[Message]) -> Result<Vec<Message>, PrivacyError> {
        self.tally.conversations += 1;
        messages.iter().map(|message| self.message(message)).collect()
    }

    /// One message: its text, the `text` of its parts, and every text of the fields that pass through (`name`, the
    /// arguments of `tool_calls`, `refusal` …), but not what parts of other types hold (images, files).
    ///
    /// # Errors
    /// `privacy::residue`.
    pub fn message(&mut self, message: &Message) -> Result<Message, PrivacyError> {
        self.tally.messages += 1;
        let mut clean = message.clone();
        match &mut clean.content {
            None => {}
            Some(Content::Text(text)) => *text = self.counted(text)?,
            Some(Content::Parts(parts)) => {
                for part in parts.iter_mut().filter_map(|part| part.get_mut("text")) {
                    self.value(part)?;
                }
            }
        }
        for (_, value) in &mut clean.rest {
            self.value(value)?;
        }
        Ok(clean)
    }

    fn value(&mut self, value: &mut Value) -> Result<(), PrivacyError> {
        match value {
            Value::String(text) => *text = self.counted(text)?,
            Value::Array(values) => values.iter_mut().try_for_each(|value| self.value(value))?,
            Value::Object(fields) => fields.values_mut().try_for_each(|value| self.value(value))?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }
}
