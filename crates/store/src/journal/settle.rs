//! Settling: many frames become rows, ledger entries and packed bodies in one commit.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Seek,
    path::Path,
    sync::{Arc, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use cultivar_record::{ExchangeId, LeafIndex};

use super::{Frame, IntentFrame, OutcomeFrame, Shared, State, create, name};
use crate::{Packs, Statements, Store, StoreError, files, tables, tables::usage::UsageRow};

/// How long frames gather where nobody waits for them: long enough to share a commit, short enough to be looked at.
pub(super) const PAUSE: Duration = Duration::from_millis(25);
/// After how long without a frame the files are wiped.
const QUIET: Duration = Duration::from_millis(500);
/// How long a failed attempt rests.
const AFTER_FAILURE: Duration = Duration::from_millis(200);
/// Most frames of one commit.
const MOST_FRAMES: usize = 8_192;

pub(super) fn start(shared: Arc<Shared>) -> Result<JoinHandle<()>, StoreError> {
    thread::Builder::new()
        .name("cultivar-settler".to_owned())
        .spawn(move || run(&shared))
        .map_err(|e| StoreError::Database {
            reason: format!("the settling thread cannot start: {e}"),
        })
}

fn run(shared: &Shared) {
    while wait_for_frames(shared) {
        let batch: Arc<Vec<Frame>> = {
            let mut state = shared.lock();
            state.urgent = false;
            let count = state.waiting.len().min(MOST_FRAMES);
            state.under_way = count;
            Arc::new(state.waiting.drain(..count).collect())
        };
        let first = *shared.settled.borrow() + 1;
        let result = {
            let _settling = shared.settling.lock().unwrap_or_else(PoisonError::into_inner);
            settle(&shared.store, &shared.packs, &batch, first)
        };
        let failed = result.is_err();
        finish(shared, batch, result.err());
        if failed {
            let state = shared.lock();
            if state.closing {
                return;
            }
            drop(shared.wake.wait_timeout(state, AFTER_FAILURE));
        }
    }
}

/// Waits until something is to be settled; returns whether there is.
fn wait_for_frames(shared: &Shared) -> bool {
    let mut state = shared.lock();
    loop {
        if state.waiting.is_empty() {
            if state.closing {
                wipe(shared, &mut state);
                return false;
            }
            state.urgent = false;
            if state.reach <= state.length && state.spare.is_none() {
                state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = shared.wake.wait_timeout(state, QUIET);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timeout.timed_out() && state.waiting.is_empty() {
                wipe(shared, &mut state);
            }
        } else if state.urgent || state.closing || state.waiting.len() >= MOST_FRAMES {
            return true;
        } else {
            let waited = shared.wake.wait_timeout(state, PAUSE);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timeout.timed_out() && !state.waiting.is_empty() {
                return true;
            }
        }
    }
}

/// Forgets what was settled; puts back what was not. Begins a new file where this one is long: under a load that
/// never pauses, some frame of it always waits.
fn finish(shared: &Shared, batch: Arc<Vec<Frame>>, failure: Option<StoreError>) {
    let mut state = shared.lock();
    state.attempts += 1;
    state.failures += u64::from(failure.is_some());
    state.under_way = 0;
    if failure.is_some() {
        let batch = Arc::try_unwrap(batch).unwrap_or_else(|shared| (*shared).clone());
        for frame in batch.into_iter().rev() {
            state.waiting.push_front(frame);
        }
    } else {
        let bytes: usize = batch.iter().map(Frame::size).sum();
        state.waiting_bytes -= bytes.min(state.waiting_bytes);
        let count = u64::try_from(batch.len()).unwrap_or(0);
        shared.settled.send_modify(|settled| *settled += count);
        let is_idle = state.waiting.is_empty() && state.length > 0;
        if is_idle || state.length >= shared.bounds.file {
            begin_anew(shared, &mut state);
        }
        remove_settled(shared, &mut state);
    }
    state.failure = failure;
    drop(state);
    shared.wake.notify_all();
}

/// The next frame begins a file: the one at hand where nothing in it waits, else the spare one, else one that is made.
fn begin_anew(shared: &Shared, state: &mut State) {
    let next = state.last + 1;
    // Where that cannot be done, the file at hand goes on.
    if state.waiting.is_empty() {
        if rename(&shared.folder, state.first, next) && state.file.rewind().is_ok() {
            state.reach = state.reach.max(state.length);
            (state.first, state.length) = (next, 0);
        }
        return;
    }
    let spare = state.spare.take().filter(|spare| rename(&shared.folder, *spare, next));
    let path = shared.folder.join(name(next));
    let opened = match spare {
        Some(_) => File::options().write(true).open(path).ok(),
        None => create(&shared.folder, next).ok(),
    };
    if let Some(file) = opened {
        state.full.push_back((state.first, state.last));
        (state.file, state.first, state.length) = (file, next, 0);
        state.reach = if spare.is_some() { u64::MAX } else { 0 };
    }
}

fn rename(folder: &Path, from: u64, to: u64) -> bool {
    std::fs::rename(folder.join(name(from)), folder.join(name(to))).is_ok()
}

/// Of the files that are settled one is kept, to be written over.
fn remove_settled(shared: &Shared, state: &mut State) {
    let settled = *shared.settled.borrow();
    while let Some((first, _)) = state.full.pop_front_if(|(_, last)| *last <= settled) {
        if state.spare.is_none() && first >= state.scrub_before {
            state.spare = Some(first);
        } else {
            // One that stays is passed over when the journal is opened.
            let _ = files::remove(&shared.folder.join(name(first)));
        }
    }
}

/// Nothing that is settled stays in a file, so that no text does.
fn wipe(shared: &Shared, state: &mut State) {
    if state.length == 0 && state.file.set_len(0).is_ok() {
        state.reach = 0;
    }
    if let Some(spare) = state.spare.take() {
        let _ = files::remove(&shared.folder.join(name(spare)));
    }
}

/// The next frame begins a fresh file, and the files before it will be removed once they are settled. Returns its number.
pub(super) fn leave_behind(shared: &Shared) -> Result<u64, StoreError> {
    let mut state = shared.lock();
    let next = state.last + 1;
    if state.length > 0 {
        if state.waiting.is_empty() && state.under_way == 0 {
            begin_anew(shared, &mut state);
        } else {
            let file = create(&shared.folder, next)?;
            let before = (state.first, state.last);
            state.full.push_back(before);
            (state.file, state.first, state.length, state.reach) = (file, next, 0, 0);
        }
    }
    state.scrub_before = next;
    wipe(shared, &mut state);
    if state.length == 0 && state.reach == 0 {
        Ok(next)
    } else {
        Err(StoreError::File {
            path: shared.folder.display().to_string(),
            what: "emptied",
            reason: "what is settled still lies in it".to_owned(),
        })
    }
}

/// Settles what a killed process left: every frame after the last settled one. Returns the number of the last frame.
pub(super) fn replay(store: &Store, packs: &Packs, folder: &Path, settled: u64) -> Result<u64, StoreError> {
    let mut last = settled;
    for file in files::names_in(folder)? {
        let Some(first) = file.strip_suffix(".log").and_then(|first| first.parse::<u64>().ok()) else {
            continue;
        };
        let bytes = files::read(&folder.join(&file))?;
        let (mut rest, mut number, mut batch) = (bytes.as_slice(), first, Vec::new());
        while let Some((frame, length)) = Frame::decode(number, rest)? {
            if number > last {
                batch.push(frame);
            }
            number += 1;
            rest = rest.get(length..).unwrap_or_default();
        }
        let count = u64::try_from(batch.len()).unwrap_or(0);
        if count > 0 {
            settle(store, packs, &Arc::new(batch), last + 1)?;
        }
        last += count;
        files::remove(&folder.join(&file))?;
    }
    Ok(last)
}

/// One commit: bodies first, then rows, entries and the number of the last frame together.
fn settle(store: &Store, packs: &Packs, batch: &Arc<Vec<Frame>>, first: u64) -> Result<(), StoreError> {
    packs.append(batch.iter().filter_map(Frame::body))?;
    let last = first + u64::try_from(batch.len()).unwrap_or(0) - 1;
    let batch = Arc::clone(batch);
    store.write_blocking(move |tx| write(tx, &batch, last))
}

fn write(tx: &mut dyn Statements, batch: &[Frame], last: u64) -> Result<(), StoreError> {
    let entries: Vec<&str> = batch.iter().map(Frame::entry).collect();
    let first_leaf = tables::ledger::append_texts(tx, &entries)?.0;
    let mut ended: HashMap<ExchangeId, (&OutcomeFrame, LeafIndex)> = HashMap::new();
    for (frame, leaf) in batch.iter().zip(first_leaf..) {
        if let Frame::Outcome(outcome) = frame {
            ended.insert(outcome.exchange, (outcome, LeafIndex(leaf)));
        }
    }
    let mut used = BTreeMap::new();
    for (frame, leaf) in batch.iter().zip(first_leaf..) {
        if let Frame::Intent(intent) = frame {
            let end = ended.remove(&intent.intent.id);
            tables::exchange::insert(tx, intent, LeafIndex(leaf), end)?;
            if let Some((outcome, _)) = end {
                count(&mut used, intent, outcome);
            }
        }
    }
    // What began in an earlier commit and ended in this one.
    let mut late: Vec<_> = ended.into_values().collect();
    late.sort_by_key(|(_, leaf)| *leaf);
    for (outcome, leaf) in late {
        tables::exchange::end(tx, outcome, leaf)?;
        let exchange = tables::exchange::get(tx, outcome.exchange)?;
        tables::usage::count(&mut used, &exchange.intent, &outcome.outcome);
    }
    tables::usage::add(tx, &used)?;
    tables::ledger::set_settled(tx, last)
}

fn count(used: &mut BTreeMap<tables::usage::UsageKey, UsageRow>, intent: &IntentFrame, outcome: &OutcomeFrame) {
    tables::usage::count(used, &intent.intent, &outcome.outcome);
}
