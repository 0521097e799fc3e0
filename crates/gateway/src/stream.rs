//! A streamed answer on its way out: the provider's bytes pass as they come, but what ends the answer is kept back until its
//! outcome is recorded. Whoever drops the stream cancels the call, and what had come is recorded and billed.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use cultivar_dialect::{
    Refusal,
    scan::{self, Event, Scanner, Told},
};
use cultivar_record::{Endpoint, Usage};
use cultivar_store::Staged;
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};
use tokio::sync::watch;

use crate::{
    GatewayError,
    attempt::{Came, UnderWay},
    providers::http::MOST_ANSWER_BYTES,
};

const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");
/// How long a provider that has said everything may take to end its answer, so that the connection can be used again.
const LINGER: Duration = Duration::from_secs(1);

/// One part of a streamed answer.
#[derive(Debug)]
pub enum Part {
    /// Bytes of events, in the provider's words.
    Bytes(Bytes),
    /// The stream broke; nothing but its end follows.
    Failed(GatewayError),
}

/// The bytes of a streamed answer, and the error that breaks it off where one does.
pub struct AnswerStream {
    flow: Option<Box<Flow>>,
}

/// A stream under way.
struct Flow {
    under_way: UnderWay,
    upstream: Option<BoxStream<'static, Result<Bytes, GatewayError>>>,
    scanner: Scanner,
    /// What has come so far, for the record.
    kept: BytesMut,
    /// What ends the answer.
    held: Vec<Bytes>,
    /// What was dropped last ended with a carriage return, whose line feed may follow.
    dropped_half_a_line_end: bool,
    out: VecDeque<Part>,
    told: Heard,
    request_id: Option<String>,
    endpoint: Endpoint,
    /// The client did not ask for the usage, and the provider was asked for it.
    strips_usage: bool,
    /// The next change of who is served.
    change: BoxFuture<'static, Option<watch::Receiver<u64>>>,
    releasing: Option<BoxFuture<'static, Result<(), GatewayError>>>,
    recorded: bool,
    /// Says that it is under way.
    _open: Arc<()>,
}

/// What the events have said so far.
#[derive(Default)]
struct Heard {
    usage: Option<Usage>,
    pieces: u64,
    ended: bool,
    done: bool,
    /// The provider told an error in place of the rest.
    failed: Option<Box<GatewayError>>,
}

impl AnswerStream {
    pub(crate) fn new(
        under_way: UnderWay,
        upstream: BoxStream<'static, Result<Bytes, GatewayError>>,
        (first, request_id): (Bytes, Option<String>),
        endpoint: Endpoint,
        wants_usage: bool,
    ) -> Self {
        let mut flow = Flow::new(under_way, upstream, request_id, endpoint, wants_usage);
        flow.take_in(first);
        Self {
            flow: Some(Box::new(flow)),
        }
    }

    /// Who answers, by name.
    pub(crate) fn provider(&self) -> &str {
        self.flow
            .as_ref()
            .map_or("", |flow| flow.under_way.offer.provider.name.as_str())
    }
}

async fn next_change(mut changes: watch::Receiver<u64>) -> Option<watch::Receiver<u64>> {
    changes.changed().await.ok()?;
    Some(changes)
}

impl Flow {
    fn new(
        under_way: UnderWay,
        upstream: BoxStream<'static, Result<Bytes, GatewayError>>,
        request_id: Option<String>,
        endpoint: Endpoint,
        wants_usage: bool,
    ) -> Self {
        let mut changes = under_way.gateway.directory.changes();
        // The provider took its time to answer at all: whoever was suspended meanwhile is not served either.
        changes.mark_changed();
        let change = next_change(changes).boxed();
        Self {
            _open: Arc::clone(&under_way.gateway.open_streams),
            under_way,
            upstream: Some(upstream),
            scanner: Scanner::default(),
            kept: BytesMut::new(),
            held: Vec::new(),
            dropped_half_a_line_end: false,
            out: VecDeque::new(),
            told: Heard::default(),
            request_id,
            endpoint,
            strips_usage: !wants_usage && endpoint != Endpoint::Responses,
            change,
            releasing: None,
            recorded: false,
        }
    }

    /// Takes in bytes of the provider; what may go out at once goes out as one part.
    fn take_in(&mut self, bytes: Bytes) {
        self.kept.extend_from_slice(&bytes);
        if self.kept.len() > MOST_ANSWER_BYTES {
            self.fail(self.malformed("it is longer than an answer may be"));
            return;
        }
        let began_between = self.scanner.is_between_events();
        let events = self.scanner.feed(bytes.clone());
        let all_pass = self.held.is_empty()
            && !self.dropped_half_a_line_end
            && events
                .iter()
                .all(|event| matches!(event.told, Told::Piece | Told::Nothing));
        if all_pass && began_between && self.scanner.is_between_events() {
            // Nothing is kept back, so the bytes go on as they came.
            self.told.pieces += pieces(&events);
            self.hear_usage(&events);
            let bytes = if self.strips_usage {
                without_usage(bytes, &events)
            } else {
                bytes
            };
            self.out.push_back(Part::Bytes(bytes));
        } else {
            for event in events {
                self.hear(event);
            }
        }
        if self.told.pieces > 0 || self.told.ended {
            self.under_way.begins_to_answer();
        }
    }

    fn malformed(&self, reason: &str) -> GatewayError {
        GatewayError::Malformed {
            provider: self.under_way.offer.provider.name.clone(),
            reason: reason.to_owned(),
        }
    }

    fn hear_usage(&mut self, events: &[Event]) {
        let last = events.iter().filter_map(|event| event.usage).next_back();
        self.told.usage = last.or(self.told.usage);
    }

    fn hear(&mut self, mut event: Event) {
        // What follows an error is no part of the answer, except for its end.
        if self.recorded || (self.told.failed.is_some() && event.told != Told::Done) {
            return;
        }
        self.told.usage = event.usage.or(self.told.usage);
        if self.strips_usage && matches!(event.told, Told::Piece | Told::End) {
            event.raw = without_usage(event.raw.clone(), std::slice::from_ref(&event));
        }
        if mem::take(&mut self.dropped_half_a_line_end) && event.raw.starts_with(b"\n") {
            event.raw.advance(1);
            if event.raw.is_empty() {
                return;
            }
        }
        match event.told {
            Told::Piece | Told::Nothing => {
                self.told.pieces += u64::from(event.told == Told::Piece);
                if event.told == Told::Nothing && !self.held.is_empty() {
                    self.held.push(event.raw);
                } else {
                    // Of several choices one has ended, and another goes on: what was kept back is not the end.
                    self.out.extend(mem::take(&mut self.held).into_iter().map(Part::Bytes));
                    self.out.push_back(Part::Bytes(event.raw));
                }
            }
            Told::End => {
                self.told.ended = true;
                self.held.push(event.raw);
            }
            Told::UsageAlone if self.strips_usage => {
                // The network may cut between the two characters of a line's end: the second one belongs to what came before.
                if event.raw.starts_with(b"\n") {
                    self.held.push(event.raw.slice(..1));
                }
                self.dropped_half_a_line_end = event.raw.ends_with(b"\r");
            }
            Told::UsageAlone => self.held.push(event.raw),
            Told::Done => {
                self.told.done = true;
                self.held.push(event.raw);
            }
            Told::Error => {
                self.told.failed = Some(Box::new(self.refused(&event.raw)));
                self.forget_after(&event.raw);
                self.held.push(event.raw);
                self.upstream = None;
            }
            Told::Garbage => self.fail(self.malformed("an event of the stream is not JSON")),
        }
    }

    /// What comes after an event is not kept, whether the network brought it along or not.
    fn forget_after(&mut self, event: &Bytes) {
        let start = self
            .kept
            .windows(event.len())
            .rposition(|window| window == event.as_ref());
        if let Some(start) = start {
            self.kept.truncate(start + event.len());
        }
    }

    /// What an error within the stream means: the client hears it in the provider's words.
    fn refused(&self, event: &Bytes) -> GatewayError {
        let data = scan::data(event).unwrap_or_default();
        let refusal = Refusal::in_stream(&data).unwrap_or_default();
        GatewayError::refused(&self.under_way.offer.provider.name, refusal, Bytes::new())
    }

    /// Breaks the answer off: nothing of the provider's follows.
    fn fail(&mut self, error: GatewayError) {
        if self.recorded {
            return;
        }
        self.upstream = None;
        self.held.clear();
        let error = self.record_broken(error);
        self.out.push_back(Part::Failed(error));
        self.finish_events();
    }

    /// What every stream of completions ends with. Events of the responses API end by themselves.
    fn finish_events(&mut self) {
        if self.endpoint != Endpoint::Responses {
            self.out.push_back(Part::Bytes(DONE));
        }
    }

    fn came(&mut self) -> Came {
        Came {
            body: mem::take(&mut self.kept).freeze(),
            usage: self.told.usage,
            pieces: self.told.pieces,
            request_id: self.request_id.take(),
        }
    }

    fn record_broken(&mut self, error: GatewayError) -> GatewayError {
        self.recorded = true;
        match self.record_failure(&error).and_then(|staged| Ok(staged.now()?)) {
            Ok(_) => error,
            Err(worse) => worse,
        }
    }

    /// Records a failure: with what had come, where anything had.
    fn record_failure(&mut self, error: &GatewayError) -> Result<Staged, GatewayError> {
        if self.told.pieces == 0 && !self.told.ended {
            return self.under_way.record_failure(error);
        }
        self.under_way.hear(error);
        let came = self.came();
        self.under_way.broke_off(came)
    }

    /// The provider has said all it says: the outcome is recorded before what was kept back is released.
    fn close(&mut self) {
        self.upstream = None;
        if let Some(mut rest) = self.scanner.rest() {
            rest.raw = with_its_end(&rest.raw);
            self.hear(rest);
        }
        if self.recorded {
            return;
        }
        let failed = self.told.failed.take();
        if failed.is_none() && !self.told.ended {
            self.fail(self.malformed("the stream ended before the answer did"));
            return;
        }
        self.recorded = true;
        let recorded = if let Some(error) = failed {
            self.record_failure(&error)
        } else {
            self.under_way.begins_to_answer();
            let came = self.came();
            self.under_way.answered(came)
        };
        match recorded {
            Ok(outcome) => {
                let gateway = Arc::clone(&self.under_way.gateway);
                self.releasing = Some(async move { gateway.released(outcome).await }.boxed());
            }
            Err(error) => self.refuse_release(error),
        }
    }

    fn refuse_release(&mut self, error: GatewayError) {
        self.held.clear();
        self.out.push_back(Part::Failed(error));
        self.finish_events();
    }

    fn release(&mut self) {
        self.out.extend(mem::take(&mut self.held).into_iter().map(Part::Bytes));
        if !self.told.done {
            self.finish_events();
        }
    }

    /// Breaks off where the caller is no longer served.
    fn look_at_changes(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(changed) = self.change.poll_unpin(context) {
            // Without a directory nobody changes any more: the process is ending.
            let Some(changes) = changed else {
                self.change = std::future::pending().boxed();
                return;
            };
            self.change = next_change(changes).boxed();
            let key = self.under_way.intent.api_key;
            if let Err(error) = self.under_way.gateway.is_served(key) {
                self.fail(error);
                return;
            }
        }
    }

    /// Whether the provider has said all it says, though its answer may not have ended yet.
    fn has_said_all(&self) -> bool {
        self.told.done || (self.told.ended && self.endpoint == Endpoint::Responses)
    }

    /// Hears the rest of an answer of which nothing is expected any more, for a moment.
    fn linger(&mut self) {
        let Some(mut rest) = self.upstream.take() else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            self.under_way.gateway.tasks.spawn(async move {
                let to_the_end = async { while rest.next().await.is_some() {} };
                let _ = tokio::time::timeout(LINGER, to_the_end).await;
            });
        }
    }
}

/// The last event of a stream with the blank line that it was sent without: another event may follow.
fn with_its_end(event: &Bytes) -> Bytes {
    let end: &[u8] = if event.ends_with(b"\n") { b"\n" } else { b"\n\n" };
    [event, end].concat().into()
}

/// The bytes of events without their fields `usage`; the bytes themselves where there is none.
fn without_usage(bytes: Bytes, events: &[Event]) -> Bytes {
    if !events.iter().any(Event::has_usage) {
        return bytes;
    }
    let mut rest = BytesMut::with_capacity(bytes.len());
    for event in events {
        event.put_without_usage(&mut rest);
    }
    rest.freeze()
}

fn pieces(events: &[Event]) -> u64 {
    let pieces = events.iter().filter(|event| event.told == Told::Piece);
    u64::try_from(pieces.count()).unwrap_or(u64::MAX)
}

impl Flow {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Part>> {
        loop {
            if let Some(part) = self.out.pop_front() {
                return Poll::Ready(Some(part));
            }
            if let Some(releasing) = &mut self.releasing {
                let released = ready!(releasing.poll_unpin(context));
                self.releasing = None;
                match released {
                    Ok(()) => self.release(),
                    Err(error) => self.refuse_release(error),
                }
                continue;
            }
            if self.recorded {
                return Poll::Ready(None);
            }
            self.look_at_changes(context);
            if !self.out.is_empty() {
                continue;
            }
            match &mut self.upstream {
                None => self.close(),
                Some(upstream) => match upstream.poll_next_unpin(context) {
                    Poll::Ready(Some(Ok(bytes))) => self.take_in(bytes),
                    // What breaks after the last word has broken nothing.
                    Poll::Ready(Some(Err(_))) if self.has_said_all() => self.close(),
                    Poll::Ready(Some(Err(error))) => self.fail(error),
                    Poll::Ready(None) => self.close(),
                    Poll::Pending if self.has_said_all() => {
                        self.linger();
                        self.close();
                    }
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// The client has left: what had come is recorded and billed.
    fn leave(&mut self) {
        if self.recorded {
            return;
        }
        self.recorded = true;
        self.upstream = None;
        // Where nothing had come, the attempt itself records that nobody waits any more.
        if self.told.pieces > 0 || self.told.ended {
            let came = self.came();
            // Nobody is left who could be told that this failed; a restart closes the exchange.
            let _ = self.under_way.broke_off(came);
        }
    }
}

impl Stream for AnswerStream {
    type Item = Part;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Part>> {
        match &mut self.flow {
            Some(flow) => flow.poll(context),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for AnswerStream {
    /// Cancels the call at once, unless the provider bills it all the same: then it is heard to its end.
    fn drop(&mut self) {
        let Some(mut flow) = self.flow.take() else { return };
        let is_billed = flow.under_way.offer.provider.bills_cancelled && !flow.recorded;
        if is_billed && tokio::runtime::Handle::try_current().is_ok() {
            let gateway = Arc::clone(&flow.under_way.gateway);
            gateway
                .tasks
                .spawn(async move { while std::future::poll_fn(|context| flow.poll(context)).await.is_some() {} });
        } else {
            flow.leave();
        }
    }
}
