//! A model of our own that is quickly made: it tells how many words it was shown.

use std::ops::ControlFlow;

use cultivar_own::{
    LocalEnd, LocalFailure, LocalInfo, LocalModel, LocalOptions, LocalSampling, LocalScore, LocalToken, LocalWritten,
    TemplateEnd,
};
use cultivar_record::{TokenCount, chat::Message};

/// Tokens that it sees at once: enough for the page's longest answer and a short question.
pub(crate) const CONTEXT: usize = 240;

/// A turn is as many tokens as it has words; it answers with how many it was shown.
pub(crate) struct Apprentice;

impl LocalModel for Apprentice {
    fn score(&self, _: &[Message]) -> Result<Vec<LocalScore>, String> {
        Err("not asked here".to_owned())
    }

    fn info(&self) -> Result<LocalInfo, LocalFailure> {
        Ok(LocalInfo {
            vocab: 1,
            context: Some(CONTEXT),
            preferred: LocalSampling {
                max_tokens: 1,
                ..LocalSampling::default()
            },
            ..LocalInfo::default()
        })
    }

    fn render(&self, messages: &[Message], end: TemplateEnd) -> Result<Vec<u32>, LocalFailure> {
        let room = match end {
            TemplateEnd::OpenWithin(room) => room,
            TemplateEnd::Open | TemplateEnd::Closed => usize::MAX,
        };
        let mut words = 0;
        for message in messages.iter().rev() {
            let more = message.plain_text().split_whitespace().count();
            if words + more > room {
                break;
            }
            words += more;
        }
        Ok(vec![0; words])
    }

    fn write(
        &self,
        prompt: &[u32],
        _: &LocalOptions,
        _: &mut dyn FnMut(LocalToken) -> ControlFlow<()>,
    ) -> Result<LocalWritten, LocalFailure> {
        let rest = format!("shown {}", prompt.len());
        Ok(LocalWritten {
            characters: rest.len(),
            rest,
            prompt: TokenCount::new(prompt.len() as u64),
            completion: TokenCount::new(1),
            end: LocalEnd::Turn,
        })
    }
}
