//! Writes the choices of a request on a thread that may wait, and answers with all of them or with each piece as it comes.
//!
//! Knows when text and log-probabilities may go out, not what they look like: that is a [`Wire`].

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use cultivar_record::{TokenCount, chat::ChatUsage};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::model::{LocalEnd, LocalFailure, LocalModel, LocalOptions, LocalToken};
use super::sampling::seed_of;
use crate::{
    GatewayError,
    providers::{Reply, ReplyBody},
};

/// Events that wait for a slow reader before generation waits too.
const EVENTS_IN_FLIGHT: usize = 64;
/// The end of every stream.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// What is to be written.
pub(super) struct Plan {
    pub(super) prompts: Vec<Prompt>,
    /// Choices for each prompt.
    pub(super) each: u64,
    /// The seed of the first choice of each prompt, where one is asked for.
    pub(super) seed: Option<u64>,
    /// How; the seed and the most tokens follow from the above.
    pub(super) options: LocalOptions,
}

/// What is to be written on.
pub(super) struct Prompt {
    pub(super) tokens: Vec<u32>,
    /// Most tokens of the answer.
    pub(super) max_tokens: usize,
}

/// What is new in a choice, or all of it.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) text: String,
    /// The tokens that this text completes, where log-probabilities are asked for.
    pub(super) tokens: Vec<LocalToken>,
    /// Why it ended; such a piece has no text.
    pub(super) end: Option<LocalEnd>,
}

/// The JSON of one endpoint. A choice is named by its place.
pub(super) trait Wire: Send + 'static {
    /// The event that comes before the first text of a choice.
    fn opening(&self, choice: u64) -> Option<Bytes>;
    /// The event of a piece.
    fn piece(&self, choice: u64, piece: &Piece) -> Bytes;
    /// The event that tells the usage of all choices.
    fn usage(&self, usage: &ChatUsage) -> Bytes;
    /// The whole answer.
    fn whole(&self, choices: &[Piece], usage: &ChatUsage) -> Bytes;
}

/// Answers a request that has been understood.
pub(super) async fn reply(
    model: Arc<dyn LocalModel>,
    name: String,
    plan: Plan,
    wire: impl Wire,
    stream: bool,
) -> Result<Reply, GatewayError> {
    let body = if stream {
        ReplyBody::Events(events(model, name, plan, wire))
    } else {
        let write = move |alive: &dyn Fn() -> bool, name: &str| whole(model.as_ref(), name, &plan, &wire, alive);
        ReplyBody::Whole(off_thread(name, write).await?)
    };
    Ok(Reply { request_id: None, body })
}

/// Runs work on a thread that may wait. It is told whether anybody still waits for it.
pub(super) async fn off_thread<T: Send + 'static>(
    name: String,
    work: impl FnOnce(&dyn Fn() -> bool, &str) -> Result<T, GatewayError> + Send + 'static,
) -> Result<T, GatewayError> {
    let waiting = Arc::new(());
    let waited_for: Weak<()> = Arc::downgrade(&waiting);
    let for_error = name.clone();
    let done = spawn_blocking(move || work(&|| waited_for.strong_count() > 0, &name)).await;
    drop(waiting);
    done.map_err(|e| failed(&for_error, LocalFailure::Failed(e.to_string())))?
}

/// A model's failure at the door.
pub(super) fn failed(name: &str, failure: LocalFailure) -> GatewayError {
    let model = name.to_owned();
    match failure {
        LocalFailure::Unsupported(what) => GatewayError::Unsupported { model, what },
        LocalFailure::Failed(reason) => GatewayError::ModelFailed { model, reason },
    }
}

/// The JSON of a struct of texts and numbers, which always has one.
pub(super) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// One server-sent event.
pub(super) fn event(value: &impl Serialize) -> Bytes {
    let mut event = b"data: ".to_vec();
    // Writing to memory does not fail, nor does a struct of texts and numbers.
    let _ = serde_json::to_writer(&mut event, value);
    event.extend_from_slice(b"\n\n");
    event.into()
}

fn whole(
    model: &dyn LocalModel,
    name: &str,
    plan: &Plan,
    wire: &impl Wire,
    alive: &dyn Fn() -> bool,
) -> Result<Bytes, GatewayError> {
    let mut choices: Vec<Piece> = Vec::new();
    let usage = write_all(model, plan, alive, &mut |step| {
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
    });
    usage
        .map(|usage| wire.whole(&choices, &usage))
        .map_err(|failure| failed(name, failure))
}

fn events(
    model: Arc<dyn LocalModel>,
    name: String,
    plan: Plan,
    wire: impl Wire,
) -> stream::BoxStream<'static, Result<Bytes, GatewayError>> {
    let (sender, receiver) = mpsc::channel(EVENTS_IN_FLIGHT);
    spawn_blocking(move || {
        let send = |event: Bytes| match sender.blocking_send(Ok(event)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let mut begun = 0;
        let usage = write_all(model.as_ref(), &plan, &|| !sender.is_closed(), &mut |step| match step {
            Step::Begin => {
                begun += 1;
                wire.opening(begun - 1).map_or(ControlFlow::Continue(()), send)
            }
            Step::Piece(piece) => send(wire.piece(begun - 1, &piece)),
        });
        match usage {
            Ok(usage) => {
                if send(wire.usage(&usage)).is_continue() {
                    let _ = send(Bytes::from_static(DONE));
                }
            }
            Err(failure) => {
                let _ = sender.blocking_send(Err(failed(&name, failure)));
            }
        }
    });
    let next = |mut receiver: mpsc::Receiver<_>| async move { Some((receiver.recv().await?, receiver)) };
    stream::unfold(receiver, next).boxed()
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
