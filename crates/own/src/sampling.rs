//! The fields that chat and text completions share: how an answer is drawn, how long it may be, and how many there are.

use std::collections::BTreeMap;

use cultivar_record::{Digest, Seed, without_values};
use serde::Deserialize;

use crate::OwnError;
use crate::model::{LocalInfo, LocalOptions, LocalSampling};

/// Most answers to one prompt, as at OpenAI.
const MOST_CHOICES: u64 = 128;
/// Most stop strings: OpenAI takes four, evaluation harnesses send more.
const MOST_STOPS: usize = 64;
/// Most likeliest tokens told with each token, as in OpenAI's chat completions.
pub(crate) const MOST_ALTERNATIVES: u64 = 20;

/// What the caller says about drawing.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    temperature: Option<f64>,
    top_p: Option<f64>,
    n: Option<u64>,
    seed: Option<i64>,
    stop: Option<Stop>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) max_completion_tokens: Option<u64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    logit_bias: Option<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

impl Asked {
    /// Answers to each prompt.
    pub(crate) fn choices(&self) -> Result<u64, OwnError> {
        match self.n.unwrap_or(1) {
            n @ 1..=MOST_CHOICES => Ok(n),
            _ => Err(OwnError::invalid(
                format!("`n` must lie between 1 and {MOST_CHOICES}"),
                "n",
            )),
        }
    }

    /// The seed of the first choice, where one is asked for.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.seed.map(i64::unsigned_abs)
    }

    /// How a model of these habits draws; `max_tokens`, the seed and what is told are set by the caller.
    pub(crate) fn options(self, info: &LocalInfo) -> Result<LocalOptions, OwnError> {
        let preferred = &info.preferred;
        Ok(LocalOptions {
            sampling: LocalSampling {
                max_tokens: 0,
                temperature: within(self.temperature, "temperature", 0.0, 2.0)?.unwrap_or(preferred.temperature),
                top_p: within(self.top_p, "top_p", 0.0, 1.0)?.unwrap_or(preferred.top_p),
            },
            seed: Seed::new(0),
            frequency_penalty: within(self.frequency_penalty, "frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            presence_penalty: within(self.presence_penalty, "presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            bias: bias(self.logit_bias.unwrap_or_default(), info)?,
            stop: stop_strings(self.stop)?,
            weigh: None,
            echo: false,
        })
    }
}

/// The fields of a request that a struct names; the others are for somebody else.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, OwnError> {
    serde_json::from_slice(body).map_err(|e| OwnError::Invalid {
        message: format!("the body is not {what}: {}", without_values(&e)),
        param: None,
    })
}

/// How many alternatives are told, where they are asked for.
pub(crate) fn alternatives(asked: u64, param: &str) -> Result<usize, OwnError> {
    let many = usize::try_from(asked).ok().filter(|_| asked <= MOST_ALTERNATIVES);
    many.ok_or_else(|| OwnError::invalid(format!("`{param}` must lie between 0 and {MOST_ALTERNATIVES}"), param))
}

/// A prompt and an answer that a model cannot see at once.
#[derive(Clone, Copy)]
pub(crate) struct TooLong {
    pub(crate) context: usize,
    pub(crate) prompt: usize,
    /// What was asked for, where it was.
    pub(crate) answer: Option<usize>,
}

/// Most tokens of the answer to a prompt: what was asked for, or what is usual and fits.
pub(crate) fn fit(info: &LocalInfo, prompt: usize, asked: Option<u64>, usual: usize) -> Result<usize, TooLong> {
    let asked = asked.map(|tokens| usize::try_from(tokens).unwrap_or(usize::MAX));
    let Some(context) = info.context else {
        return Ok(asked.unwrap_or(usual));
    };
    if prompt.saturating_add(asked.unwrap_or(1)) > context {
        return Err(TooLong {
            context,
            prompt,
            answer: asked,
        });
    }
    Ok(asked.unwrap_or_else(|| usual.min(context - prompt)))
}

/// The seed of a choice. Where the caller gave none the prompt is the seed, so that the same request has the same answer.
pub(crate) fn seed_of(asked: Option<u64>, prompt: &[u32], choice: u64) -> Seed {
    let of_prompt = || {
        let bytes: Vec<u8> = prompt.iter().flat_map(|token| token.to_le_bytes()).collect();
        let digest = Digest::of_bytes(&bytes);
        let (first, _) = digest.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        u64::from_le_bytes(*first)
    };
    Seed::new(asked.unwrap_or_else(of_prompt).wrapping_add(choice))
}

fn within(value: Option<f64>, name: &str, least: f64, most: f64) -> Result<Option<f64>, OwnError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => Err(OwnError::invalid(
            format!("`{name}` must lie between {least} and {most}"),
            name,
        )),
        _ => Ok(value),
    }
}

fn bias(asked: BTreeMap<String, f64>, info: &LocalInfo) -> Result<Vec<(u32, f64)>, OwnError> {
    let wrong = || {
        let message = format!(
            "`logit_bias` must name token ids below {} with numbers from -100 to 100",
            info.vocab
        );
        OwnError::invalid(message, "logit_bias")
    };
    let entry = |(id, bias): (String, f64)| {
        let id: u32 = id.parse().ok().filter(|id| (*id as usize) < info.vocab)?;
        (-100.0..=100.0).contains(&bias).then_some((id, bias))
    };
    asked.into_iter().map(|each| entry(each).ok_or_else(wrong)).collect()
}

fn stop_strings(asked: Option<Stop>) -> Result<Vec<String>, OwnError> {
    let stop = match asked {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Many(stop)) => stop,
    };
    if stop.len() > MOST_STOPS || stop.iter().any(String::is_empty) {
        let message = format!("`stop` must hold at most {MOST_STOPS} texts, none of them empty");
        return Err(OwnError::invalid(message, "stop"));
    }
    Ok(stop)
}
