//! Joins a language model to the door: the gateway knows that something answers, the model knows how.

use std::{ops::ControlFlow, sync::Arc};

use cultivar_model::{
    CHAT_TEMPLATE, Finish, GenerateOptions, LanguageModel, Likely, ModelError, Tokenizer, Told, Transcript,
    WriteOptions, WrittenToken,
};
use cultivar_own::{
    LocalEnd, LocalFailure, LocalInfo, LocalLikely, LocalModel, LocalOptions, LocalSampling, LocalScore, LocalToken,
    LocalWritten, SpecialNames, TemplateEnd,
};
use cultivar_record::{TokenCount, chat::Message};

/// A language model behind the door.
pub(crate) struct Joined {
    model: Arc<dyn LanguageModel>,
}

impl Joined {
    pub(crate) fn behind_the_door(model: Arc<dyn LanguageModel>) -> Arc<dyn LocalModel> {
        Arc::new(Self { model })
    }
}

impl LocalModel for Joined {
    fn score(&self, messages: &[Message]) -> Result<Vec<LocalScore>, String> {
        let scores = self.model.score(messages).map_err(|e| e.to_string())?;
        let local = |score: cultivar_model::TurnScore| LocalScore {
            turn: u64::try_from(score.turn).unwrap_or(u64::MAX),
            role: score.role,
            bits: score.bits,
            bytes: score.bytes,
        };
        Ok(scores.into_iter().map(local).collect())
    }

    fn info(&self) -> Result<LocalInfo, LocalFailure> {
        let tokenizer = self.model.tokenizer();
        let preferred = GenerateOptions::default();
        let special = tokenizer.special_tokens().map(|(id, name)| (id, name.to_owned()));
        Ok(LocalInfo {
            vocab: tokenizer.vocab(),
            context: self.model.context(),
            width: self.model.width(),
            special: special.collect(),
            end: tokenizer.end(),
            chat_template: Some(CHAT_TEMPLATE.to_owned()),
            preferred: LocalSampling {
                max_tokens: preferred.max_tokens,
                temperature: preferred.temperature,
                top_p: preferred.top_p,
            },
        })
    }

    fn tokenize(&self, text: &str, names: SpecialNames) -> Result<Vec<u32>, LocalFailure> {
        let tokenizer = self.model.tokenizer();
        let tokens = match names {
            SpecialNames::AreText => tokenizer.encode(text),
            SpecialNames::AreTokens => tokenizer.encode_template(text),
        };
        tokens.map_err(failed)
    }

    fn render(&self, messages: &[Message], end: TemplateEnd) -> Result<Vec<u32>, LocalFailure> {
        let tokenizer = self.model.tokenizer();
        let transcript = Transcript::render(tokenizer, messages).map_err(failed)?;
        Ok(match end {
            TemplateEnd::Closed => transcript.tokens,
            TemplateEnd::Open => transcript.before_answer(tokenizer, usize::MAX),
            TemplateEnd::OpenWithin(room) => transcript.before_answer(tokenizer, room),
        })
    }

    fn detokenize(&self, tokens: &[u32]) -> Result<String, LocalFailure> {
        Ok(self.model.tokenizer().decode_template(tokens))
    }

    fn write(
        &self,
        prompt: &[u32],
        options: &LocalOptions,
        on_token: &mut dyn FnMut(LocalToken) -> ControlFlow<()>,
    ) -> Result<LocalWritten, LocalFailure> {
        let tokenizer = self.model.tokenizer();
        let tell = &mut |token| on_token(told(tokenizer, token));
        let written = self.model.write(prompt, &write_options(options), tell);
        Ok(LocalWritten {
            rest: written.rest,
            characters: written.characters,
            prompt: TokenCount::new(written.prompt_tokens),
            completion: TokenCount::new(written.completion_tokens),
            end: match written.finish {
                Finish::Stop | Finish::Cancelled => LocalEnd::Turn,
                Finish::StopString => LocalEnd::StopString,
                Finish::Length => LocalEnd::Length,
            },
        })
    }

    fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>, LocalFailure> {
        let none = LocalFailure::Unsupported("asked for embeddings");
        self.model.embed(tokens).ok_or(none)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an error is passed on, not looked at")]
fn failed(error: ModelError) -> LocalFailure {
    LocalFailure::Failed(error.to_string())
}

fn write_options(options: &LocalOptions) -> WriteOptions {
    WriteOptions {
        draw: GenerateOptions {
            max_tokens: options.sampling.max_tokens,
            temperature: options.sampling.temperature,
            top_p: options.sampling.top_p,
            seed: options.seed,
            frequency_penalty: options.frequency_penalty,
            presence_penalty: options.presence_penalty,
            bias: options.bias.clone(),
        },
        stop: options.stop.clone(),
        weigh: options.weigh,
        told: if options.echo { Told::All } else { Told::Answer },
    }
}

fn told(tokenizer: &Tokenizer, token: WrittenToken) -> LocalToken {
    let likely = |id: u32, logprob: Option<f64>| LocalLikely {
        bytes: tokenizer.shown(id).to_vec(),
        logprob,
    };
    let of = |other: &Likely| likely(other.id, Some(other.logprob));
    LocalToken {
        id: token.id,
        itself: likely(token.id, token.logprob),
        is_special: tokenizer.bytes_of(token.id).is_empty(),
        top: token.top.iter().map(of).collect(),
        offset: token.offset,
        end: token.end,
        text: token.text,
    }
}

/// What the request asks for; the rest as the model prefers. Without a seed the conversation is the seed, so that the same
#[cfg(test)]
mod tests;
