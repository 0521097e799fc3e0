//! Writes the choices of a request, and answers with all of them or with each piece as it comes.
//!
//! Knows when text and log-probabilities may go out, not what they look like: that is a [`Wire`].

use std::{collections::VecDeque, ops::ControlFlow};

use bytes::Bytes;
use cultivar_record::{TokenCount, chat::ChatUsage};
use serde::Serialize;

use crate::OwnError;
use crate::model::{LocalEnd, LocalFailure, LocalModel, LocalOptions, LocalToken};
use crate::sampling::seed_of;

/// The end of every stream.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// What is to be written.
pub(crate) struct Plan {
    pub(crate) prompts: Vec<Prompt>,
    /// Choices for each prompt.
    pub(crate) each: u64,
    /// The seed of the first choice of each prompt, where one is asked for.
    pub(crate) seed: Option<u64>,
    /// How; the seed and the most tokens follow from the above.
    pub(crate) options: LocalOptions,
}

/// What is to be written on.
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<u32>,
    /// Most tokens of the answer.
    pub(crate) max_tokens: usize,
}

/// What is new in a choice, or all of it.
#[derive(Default)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// The tokens that this text completes, where log-probabilities are asked for.
    pub(crate) tokens: Vec<LocalToken>,
    /// Why it ended; such a piece has no text.
    pub(crate) end: Option<LocalEnd>,
}

/// The JSON of one endpoint. A choice is named by its place.
pub(crate) trait Wire: Send + 'static {
    /// The event that comes before the first text of a choice.
    fn opening(&self, choice: u64) -> Option<Bytes>;
    /// The event of a piece.
    fn piece(&self, choice: u64, piece: &Piece) -> Bytes;
    /// The event that tells the usage of all choices.
    fn usage(&self, usage: &ChatUsage) -> Bytes;
    /// The whole answer.
    fn whole(&self, choices: &[Piece], usage: &ChatUsage) -> Bytes;
    /// Whether `[DONE]` follows the last event.
    fn says_done(&self) -> bool {
        true
    }
}

/// Choices that are to be written.
pub struct Choices {
    plan: Plan,
    wire: Box<dyn Wire>,
}

impl Choices {
    pub(crate) fn new(plan: Plan, wire: impl Wire) -> Self {
        Self {
            plan,
            wire: Box::new(wire),
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    /// `Unsupported` and `Failed`.
    pub fn whole(&self, model: &dyn LocalModel, alive: &dyn Fn() -> bool) -> Result<Bytes, OwnError> {
        let mut choices: Vec<Piece> = Vec::new();
        let usage = write_all(model, &self.plan, alive, &mut |step| {
            match (step, choices.last_mut()) {
                (Step::Begin, _) => choices.push(Piece::default()),
                (Step::Piece(piece), Some(choice)) => {
                    choice.text.push_str(&piece.text);
                    choice.tokens.extend(piece.tokens);
                    choice.end = piece.end;
                }
                (Step::Piece(_), None) => {}
            }
            ControlFlow::Continue(())
        })?;
        Ok(self.wire.whole(&choices, &usage))
    }

    /// The answer as events, the usage at the end; `send` may end it.
    ///
    /// # Errors
    /// `Unsupported` and `Failed`: no event follows.
    pub fn events(
        &self,
        model: &dyn LocalModel,
        alive: &dyn Fn() -> bool,
        send: &mut dyn FnMut(Bytes) -> ControlFlow<()>,
    ) -> Result<(), OwnError> {
        let mut begun = 0;
        let usage = write_all(model, &self.plan, alive, &mut |step| match step {
            Step::Begin => {
                begun += 1;
                self.wire
                    .opening(begun - 1)
                    .map_or(ControlFlow::Continue(()), &mut *send)
            }
            Step::Piece(piece) => send(self.wire.piece(begun - 1, &piece)),
        })?;
        if send(self.wire.usage(&usage)).is_continue() && self.wire.says_done() {
            let _ = send(Bytes::from_static(DONE));
        }
        Ok(())
    }
}

/// The JSON of a struct of texts and numbers, which always has one.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// One server-sent event.
pub(crate) fn event(value: &impl Serialize) -> Bytes {
    let mut event = b"data: ".to_vec();
    // Writing to memory does not fail, nor does a struct of texts and numbers.
    let _ = serde_json::to_writer(&mut event, value);
    event.extend_from_slice(b"\n\n");
    event.into()
}

enum Step {
    Begin,
    Piece(Piece),
}

/// Writes all choices, one after the other, for as long as somebody listens.
fn write_all(
    model: &dyn LocalModel,
    plan: &Plan,
    alive: &dyn Fn() -> bool,
    on_step: &mut dyn FnMut(Step) -> ControlFlow<()>,
) -> Result<ChatUsage, LocalFailure> {
    let (mut read, mut written) = (TokenCount::default(), TokenCount::default());
    for prompt in &plan.prompts {
        for choice in 0..plan.each {
            if !alive() || on_step(Step::Begin).is_break() {
                return Ok(ChatUsage::of(read, written));
            }
            let mut options = plan.options.clone();
            options.sampling.max_tokens = prompt.max_tokens;
            options.seed = seed_of(plan.seed, &prompt.tokens, choice);
            let (of_prompt, of_answer) = write_one(model, &prompt.tokens, &options, alive, on_step)?;
            // A prompt counts once, however often it is answered.
            if choice == 0 {
                read = read + of_prompt;
            }
            written = written + of_answer;
        }
    }
    Ok(ChatUsage::of(read, written))
}

/// Writes one choice; returns the tokens of prompt and answer.
fn write_one(
    model: &dyn LocalModel,
    prompt: &[u32],
    options: &LocalOptions,
    alive: &dyn Fn() -> bool,
    on_step: &mut dyn FnMut(Step) -> ControlFlow<()>,
) -> Result<(TokenCount, TokenCount), LocalFailure> {
    let mut waiting: VecDeque<LocalToken> = VecDeque::new();
    let mut given: Option<usize> = None;
    let written = model.write(prompt, options, &mut |mut token| {
        if !alive() {
            return ControlFlow::Break(());
        }
        let text = std::mem::take(&mut token.text);
        let now = given.unwrap_or(token.offset) + text.chars().count();
        given = Some(now);
        let mut tokens = Vec::new();
        if options.weigh.is_some() {
            waiting.push_back(token);
            // A token goes out with the last of its text: none of a stop string does.
            while let Some(token) = waiting.pop_front_if(|token| token.end <= now) {
                tokens.push(token);
            }
        }
        if text.is_empty() && tokens.is_empty() {
            return ControlFlow::Continue(());
        }
        on_step(Step::Piece(Piece {
            text,
            tokens,
            end: None,
        }))
    })?;
    let belongs = |token: &LocalToken| written.end != LocalEnd::StopString || token.offset < written.characters;
    let last = Piece {
        text: written.rest,
        tokens: waiting.into_iter().filter(belongs).collect(),
        end: None,
    };
    let is_empty = last.text.is_empty() && last.tokens.is_empty();
    if alive() && (is_empty || on_step(Step::Piece(last)).is_continue()) {
        let end = Piece {
            end: Some(written.end),
            ..Piece::default()
        };
        let _ = on_step(Step::Piece(end));
    }
    Ok((written.prompt, written.completion))
}
